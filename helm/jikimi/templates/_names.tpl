{{- define "jikimi.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* Truncated so that the suffixes of a Job's pods and of a StatefulSet's hash fit. */}}
{{- define "jikimi.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "jikimi.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "jikimi.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Immutable labels, for selectors. */}}
{{- define "jikimi.selector" -}}
app.kubernetes.io/name: {{ include "jikimi.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "jikimi.labels" -}}
{{ include "jikimi.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "jikimi.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary (include "jikimi.fullname" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{/* Prefix of a topic or group, as in streams/topology.py. */}}
{{- define "jikimi.groupPrefix" -}}
{{- .Values.settings.topic_prefix }}{{ .Values.settings.group_prefix -}}
{{- end -}}

{{/* All topics with the configured partitions; fusion's state topic has as many as its source topic. */}}
{{- define "jikimi.topics" -}}
{{- $topics := .Files.Get "files/topics.yaml" | fromYaml -}}
{{- range $name, $n := .Values.topics.partitions -}}
{{- $_ := set (get $topics.topics $name) "partitions" ($n | int) -}}
{{- end -}}
{{- range $state, $source := $topics.memories -}}
{{- $_ := set (get $topics.topics $state) "partitions" (get $topics.topics $source).partitions -}}
{{- end -}}
{{- toYaml $topics -}}
{{- end -}}
