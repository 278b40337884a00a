{{/* The sealing keys, for components that seal or unseal media: a mounted Secret, which no pod may create by itself. */}}
{{- define "jikimi.sealingEnv" -}}
- {name: JIKIMI_SEALING_KEY_FILE, value: {{ printf "/etc/jikimi-sealing/%s" .Values.sealing.key | quote }}}
- {name: JIKIMI_SEALING_CREATE, value: "false"}
{{- end -}}

{{- define "jikimi.sealingMounts" -}}
- {name: sealing, mountPath: /etc/jikimi-sealing, readOnly: true}
{{- end -}}

{{- define "jikimi.sealingVolumes" -}}
- name: sealing
  secret:
    secretName: {{ required "sealing.existingSecret: name the Secret with the sealing keys" .Values.sealing.existingSecret }}
    defaultMode: 0440
{{- end -}}
