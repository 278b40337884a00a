{{/*
Pod of a component, from a dict: root, name (of the component), role (of its Kafka user), args, values (that override
.Values.defaults) and, for some, volumes, mounts, env, envFrom, ports, internet, once (a job: no probes).
*/}}
{{- define "jikimi.pod" -}}
{{- $root := .root -}}
{{- $values := mergeOverwrite (deepCopy $root.Values.defaults) .values -}}
{{- $settings := mergeOverwrite (deepCopy $root.Values.settings) $values.settings -}}
metadata:
  labels:
    {{- include "jikimi.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .name }}
    {{- if .internet }}
    jikimi/internet: "true"
    {{- end }}
    {{- with $values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with $values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ if .once }}default{{ else }}{{ $values.serviceAccountName | default (include "jikimi.serviceAccount" $root) }}{{ end }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ add (ceil ($settings.drain_s | float64) | int) 20 }}
  {{- if .once }}
  restartPolicy: Never
  {{- end }}
  {{- if kindIs "bool" $values.hostUsers }}
  hostUsers: {{ $values.hostUsers }}
  {{- end }}
  {{- with $root.Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- range $field := list "priorityClassName" "runtimeClassName" }}
  {{- with get $values $field }}
  {{ $field }}: {{ . }}
  {{- end }}
  {{- end }}
  {{- range $field := list "nodeSelector" "tolerations" "affinity" }}
  {{- with get $values $field }}
  {{ $field }}:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
  topologySpreadConstraints:
    {{- with $values.topologySpreadConstraints }}
    {{- toYaml . | nindent 4 }}
    {{- else }}
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "jikimi.selector" $root | nindent 10 }}
          app.kubernetes.io/component: {{ .name }}
    {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      {{- toYaml $values.seccompProfile | nindent 6 }}
  {{- with $values.initContainers }}
  initContainers:
    {{- range . }}
    - {{- toYaml (merge (dict "image" (include "jikimi.image" (dict "root" $root "values" $values)) "securityContext" (include "jikimi.security" $root | fromYaml)) .) | nindent 6 }}
    {{- end }}
  {{- end }}
  containers:
    - name: {{ .name }}
      image: {{ include "jikimi.image" (dict "root" $root "values" $values) }}
      imagePullPolicy: {{ $values.image.pullPolicy | default $root.Values.image.pullPolicy }}
      args: {{ toJson .args }}
      # Faust creates a folder in its working directory.
      workingDir: /var/lib/jikimi
      env:
        {{- include "jikimi.kafka" . | nindent 8 }}
        {{- include "jikimi.settings" (dict "prefix" "JIKIMI_" "settings" $settings) | trim | nindent 8 }}
        {{- if not .once }}
        - {name: JIKIMI_METRICS_PORT, value: "9464"}
        - {name: JIKIMI_READY_FILE, value: /var/lib/jikimi/ready}
        {{- end }}
        {{- with .env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
        {{- with $values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with concat (.envFrom | default list) $values.envFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- if not .once }}
      ports:
        - {name: metrics, containerPort: 9464}
        {{- with .ports }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      # Models are loaded before metrics are served.
      startupProbe:
        httpGet: {path: /metrics, port: metrics}
        periodSeconds: 5
        timeoutSeconds: 5
        failureThreshold: 120
      # A worker without partitions is healthy and waits; one that fails ends itself.
      livenessProbe:
        httpGet: {path: /metrics, port: metrics}
        periodSeconds: 20
        timeoutSeconds: 10
        failureThreshold: 6
      {{- with .readiness }}
      readinessProbe:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- end }}
      {{- with $values.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext:
        {{- include "jikimi.security" $root | nindent 8 }}
      volumeMounts:
        - {name: tmp, mountPath: /tmp}
        - {name: state, mountPath: /var/lib/jikimi}
        {{- if include "jikimi.certificates" . }}
        - {name: certificates, mountPath: /etc/jikimi/tls, readOnly: true}
        {{- end }}
        {{- with concat (.mounts | default list) $values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: tmp
      emptyDir: {sizeLimit: {{ $values.tmpSize }}}
    - name: state
      emptyDir: {sizeLimit: 1Gi}
    {{- with include "jikimi.certificates" . }}
    - name: certificates
      projected:
        defaultMode: 0440
        sources:
          {{- trim . | nindent 10 }}
    {{- end }}
    {{- with concat (.volumes | default list) $values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{- define "jikimi.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "jikimi.image" -}}
{{- $image := mergeOverwrite (deepCopy .root.Values.image) .values.image -}}
{{- $image.repository -}}
{{- if $image.digest -}}@{{ $image.digest }}{{- else -}}:{{ $image.tag | default .root.Chart.AppVersion }}{{- end -}}
{{- end -}}

{{/* Environment variables of a map of settings; a nested map is a nested settings class. */}}
{{- define "jikimi.settings" -}}
{{- $prefix := .prefix -}}
{{- range $name, $value := .settings }}
{{- if kindIs "map" $value }}
{{- include "jikimi.settings" (dict "prefix" (printf "%s%s_" $prefix (upper $name)) "settings" $value) }}
{{- else if not (kindIs "invalid" $value) }}
- {name: {{ $prefix }}{{ upper $name }}, value: {{ include "jikimi.text" $value | quote }}}
{{- end }}
{{- end }}
{{- end -}}

{{/* A value in the format of the settings: Helm stores 1073741824 as a float and would write 1.073741824e+09. */}}
{{- define "jikimi.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}{{ int64 . }}
{{- else if kindIs "slice" . -}}{{ toJson . }}
{{- else -}}{{ . }}{{- end -}}
{{- end -}}
