{{/* A Deployment of one pod that must not run twice; same arguments as jikimi.pod. */}}
{{- define "jikimi.single" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "jikimi.fullname" .root }}-{{ .name }}
  labels:
    {{- include "jikimi.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .name }}
spec:
  replicas: 1
  revisionHistoryLimit: 3
  strategy: {type: Recreate}
  selector:
    matchLabels:
      {{- include "jikimi.selector" .root | nindent 6 }}
      app.kubernetes.io/component: {{ .name }}
  template:
    {{- include "jikimi.pod" . | nindent 4 }}
{{- end -}}
