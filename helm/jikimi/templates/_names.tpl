{{- define "jikimi.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* As short as it must be for a Job's pods and a StatefulSet's hash to fit behind it. */}}
{{- define "jikimi.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "jikimi.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "jikimi.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What never changes, for selectors. */}}
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

{{/* A topic's or group's prefix, as streams/topology.py makes it. */}}
{{- define "jikimi.groupPrefix" -}}
{{- .Values.settings.topic_prefix }}{{ .Values.settings.group_prefix -}}
{{- end -}}

{{/* Every topic with the partitions asked for; fusion's memory has as many as what it remembers. */}}
{{- define "jikimi.topics" -}}
{{- $topics := .Files.Get "files/topics.yaml" | fromYaml -}}
{{- range $name, $n := .Values.topics.partitions -}}
{{- $_ := set (get $topics.topics $name) "partitions" ($n | int) -}}
{{- end -}}
{{- range $memory, $remembered := $topics.memories -}}
{{- $_ := set (get $topics.topics $memory) "partitions" (get $topics.topics $remembered).partitions -}}
{{- end -}}
{{- toYaml $topics -}}
{{- end -}}
