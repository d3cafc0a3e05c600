{{/* Names and labels. */}}

{{- define "octogauge.name" -}}
{{ .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Short enough for the longest suffix, that of the migration Job. A shortened name ends with a hash of the full name, so that long names differ. */}}
{{- define "octogauge.fullname" -}}
{{- $name := include "octogauge.name" . -}}
{{- $full := .Values.fullnameOverride | default (contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name)) -}}
{{- if gt (len $full) 33 -}}
{{ $full | trunc 24 | trimSuffix "-" }}-{{ sha256sum $full | trunc 8 }}
{{- else -}}
{{ $full }}
{{- end -}}
{{- end }}

{{- define "octogauge.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "octogauge.fullname" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end }}

{{/* The running version: the shortened digest, or else the tag. */}}
{{- define "octogauge.version" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.digest | trimPrefix "sha256:" | trunc 12 }}
{{- else -}}
{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- define "octogauge.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ include "octogauge.version" . }}
{{- end -}}
{{- end }}

{{- define "octogauge.selector" -}}
app.kubernetes.io/name: {{ include "octogauge.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* Metadata of every object: name (with suffix), namespace, labels, annotations. */}}
{{- define "octogauge.metadata" -}}
{{- $root := .root -}}
name: {{ include "octogauge.fullname" $root }}{{ with .suffix }}-{{ . }}{{ end }}
namespace: {{ $root.Release.Namespace }}
labels:
  {{- $labels := dict
    "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_")
    "app.kubernetes.io/version" (include "octogauge.version" $root | trunc 63 | trimAll "-_.")
    "app.kubernetes.io/managed-by" $root.Release.Service
    "app.kubernetes.io/part-of" "octogauge"
  }}
  {{- $own := include "octogauge.selector" (dict "root" $root "component" .component) | fromYaml }}
  {{- toYaml (merge dict $own $labels (.labels | default dict) $root.Values.commonLabels) | nindent 2 }}
{{- with merge dict (.annotations | default dict) $root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The component that receives deliveries; both Services select it. */}}
{{- define "octogauge.front" -}}
{{ eq .Values.mode "standalone" | ternary "standalone" "gateway" }}
{{- end }}

{{/* The components of the mode, as JSON. */}}
{{- define "octogauge.components" -}}
{{ (eq .Values.mode "standalone" | ternary (list "standalone") (list "gateway" "worker")) | toJson }}
{{- end }}

{{- define "octogauge.managementAddress" -}}
{{ include "octogauge.fullname" . }}-management.{{ .Release.Namespace }}.svc:8081
{{- end }}
