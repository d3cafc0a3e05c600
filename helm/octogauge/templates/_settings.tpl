{{/* Variables of the containers: settings without secrets, each name once. */}}

{{/* Formats a setting for its parser: large numbers, which are floats here, without exponent, and booleans, which YAML makes of unquoted on and off, as words. */}}
{{- define "octogauge.setting" -}}
{{- if kindIs "bool" .value -}}
{{ eq .name "OTEL_SDK_DISABLED" | ternary (toString .value) (ternary "on" "off" .value) }}
{{- else if and (kindIs "float64" .value) (eq (floor .value) .value) -}}
{{ int64 .value }}
{{- else -}}
{{ toString .value }}
{{- end -}}
{{- end }}

{{/* The settings of `config` for all components; the chart does not set these variables itself. */}}
{{- define "octogauge.config" -}}
{{- range $name, $value := .Values.config }}
- name: {{ $name }}
  value: {{ include "octogauge.setting" (dict "name" $name "value" $value) | quote }}
{{- end }}
{{- end }}

{{/* Keeps the last value of each name, because server-side apply (Helm 4) refuses duplicate names. */}}
{{- define "octogauge.lastOfEach" -}}
{{- $seen := dict -}}
{{- $kept := list -}}
{{- range fromYamlArray . | reverse -}}
{{- if not (hasKey $seen .name) -}}
{{- $_ := set $seen .name true -}}
{{- $kept = prepend $kept . -}}
{{- end -}}
{{- end -}}
{{ toYaml $kept }}
{{- end }}
