{{/* Variables of the containers: the plain settings, and each name once. */}}

{{/* A setting's value as the variable's parser reads it. Numbers are floats here, which print large ones with an exponent; YAML takes an unquoted on or off for a truth value. */}}
{{- define "octogauge.setting" -}}
{{- if kindIs "bool" .value -}}
{{ eq .name "OTEL_SDK_DISABLED" | ternary (toString .value) (ternary "on" "off" .value) }}
{{- else if and (kindIs "float64" .value) (eq (floor .value) .value) -}}
{{ int64 .value }}
{{- else -}}
{{ toString .value }}
{{- end -}}
{{- end }}

{{/* The plain settings of all components, which the chart does not set itself. */}}
{{- define "octogauge.config" -}}
{{- range $name, $value := .Values.config }}
- name: {{ $name }}
  value: {{ include "octogauge.setting" (dict "name" $name "value" $value) | quote }}
{{- end }}
{{- end }}

{{/* Each name once, with the last value: server-side apply, Helm 4's way, refuses a name that is there twice. */}}
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
