{{/* Kafka connection of a component: a user of its own from Strimzi, or one for all from Secrets. */}}
{{- define "jikimi.kafka" -}}
{{- $kafka := .root.Values.kafka -}}
{{- $strimzi := include "jikimi.strimziUsers" .root -}}
- {name: JIKIMI_BOOTSTRAP_SERVERS, value: {{ required "kafka.bootstrapServers: name the brokers" $kafka.bootstrapServers | quote }}}
- {name: JIKIMI_SECURITY_PROTOCOL, value: {{ $kafka.securityProtocol }}}
{{- if hasPrefix "SASL" $kafka.securityProtocol }}
- {name: JIKIMI_SASL_MECHANISM, value: {{ $kafka.sasl.mechanism }}}
{{- if eq $strimzi "scram-sha-512" }}
- {name: JIKIMI_SASL_USERNAME, value: {{ include "jikimi.user" . }}}
- name: JIKIMI_SASL_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ include "jikimi.user" . }}, key: password}}
{{- else }}
{{- $secret := required "kafka.sasl.existingSecret: name the Secret with Kafka's user and password" $kafka.sasl.existingSecret }}
- name: JIKIMI_SASL_USERNAME
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: {{ $kafka.sasl.usernameKey }}}}
- name: JIKIMI_SASL_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: {{ $kafka.sasl.passwordKey }}}}
{{- end }}
{{- end }}
{{- $certificates := include "jikimi.certificates" . }}
{{- if contains "ca.crt" $certificates }}
- {name: JIKIMI_CA_FILE, value: /etc/jikimi/tls/ca.crt}
{{- end }}
{{- if contains "client.crt" $certificates }}
- {name: JIKIMI_CERTIFICATE_FILE, value: /etc/jikimi/tls/client.crt}
- {name: JIKIMI_KEY_FILE, value: /etc/jikimi/tls/client.key}
{{- end }}
{{- end -}}

{{/* Sources of the certificates' volume; empty without TLS. */}}
{{- define "jikimi.certificates" -}}
{{- $tls := .root.Values.kafka.tls -}}
{{- $strimzi := include "jikimi.strimziUsers" .root -}}
{{- if hasSuffix "SSL" .root.Values.kafka.securityProtocol -}}
{{- $ca := $tls.caSecret | default (ternary (printf "%s-cluster-ca-cert" .root.Values.strimzi.cluster) "" (ne $strimzi "")) -}}
{{- $client := ternary (include "jikimi.user" .) $tls.clientSecret (eq $strimzi "tls") -}}
{{- with $ca }}
- secret: {name: {{ . }}, items: [{key: {{ $tls.caKey }}, path: ca.crt}]}
{{- end }}
{{- with $client }}
- secret:
    name: {{ . }}
    items:
      - {key: {{ $tls.certificateKey }}, path: client.crt}
      - {key: {{ $tls.privateKeyKey }}, path: client.key}
{{- end }}
{{- end -}}
{{- end -}}

{{/* Name of a component's Kafka user, and of the Secret that Strimzi creates for it. */}}
{{- define "jikimi.user" -}}
{{- include "jikimi.fullname" .root }}-{{ .role -}}
{{- end -}}

{{/* Authentication of Strimzi's users; empty where it creates none. */}}
{{- define "jikimi.strimziUsers" -}}
{{- if and .Values.strimzi.enabled (ne .Values.strimzi.authentication "none") -}}
{{- .Values.strimzi.authentication -}}
{{- end -}}
{{- end -}}
