{{/* Pods. Secrets are mounted as files, which Octogauge reloads; ConfigMaps and environment variables contain no secrets. */}}

{{- define "octogauge.secretVolume" -}}
- name: secrets
  projected:
    defaultMode: 288 # 0440, which not every reader of YAML takes for octal
    sources:
      - secret:
          name: {{ .Values.database.existingSecret }}
          items: [{ key: {{ .Values.database.urlKey | quote }}, path: database-url }]
      {{- with .Values.github }}
      - secret:
          name: {{ .existingSecret }}
          items:
            - { key: {{ .webhookSecretKey | quote }}, path: webhook-secret }
            {{- with .appPrivateKeyKey }}
            - { key: {{ . | quote }}, path: app-private-key }
            {{- end }}
            {{- with .tokenKey }}
            - { key: {{ . | quote }}, path: github-token }
            {{- end }}
      {{- end }}
      {{- with .Values.metrics }}
      {{- if .existingSecret }}
      - secret:
          name: {{ .existingSecret }}
          items: [{ key: {{ .tokenKey | quote }}, path: metrics-token }]
      {{- end }}
      {{- end }}
      {{- with .Values.tracing }}
      {{- if .existingSecret }}
      - secret:
          name: {{ .existingSecret }}
          items: [{ key: {{ .headersKey | quote }}, path: otlp-headers }]
      {{- end }}
      {{- end }}
      {{- with .Values.buffer }}
      {{- if ne .type "none" }}
      - secret:
          name: {{ .existingSecret }}
          items: [{ key: {{ .urlKey | quote }}, path: buffer-url }]
      {{- end }}
      {{- end }}
{{- end }}

{{/* Only the URL for the migration, of a separate role if there is one. */}}
{{- define "octogauge.databaseVolume" -}}
- name: database
  projected:
    defaultMode: 288 # 0440, which not every reader of YAML takes for octal
    sources:
      - secret:
          name: {{ include "octogauge.migrationsSecret" . }}
          items: [{ key: {{ include "octogauge.migrationsUrlKey" . | quote }}, path: database-url }]
{{- end }}
{{- define "octogauge.migrationsSecret" -}}
{{ .Values.migrations.existingSecret | default .Values.database.existingSecret }}
{{- end }}
{{- define "octogauge.migrationsUrlKey" -}}
{{ .Values.migrations.urlKey | default .Values.database.urlKey }}
{{- end }}

{{- define "octogauge.env" -}}
{{- include "octogauge.config" .root }}
{{- include "octogauge.ownEnv" . }}
{{- with .root.Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- with .values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Variables that the chart sets from its values; extraEnv must not set them (octogauge.validate). */}}
{{- define "octogauge.ownEnv" -}}
{{- $root := .root -}}
{{- $values := .values }}
- name: MODE
  value: {{ .component }}
- name: PORT
  value: "8080"
- name: MANAGEMENT_PORT
  value: "8081"
{{- if ne $root.Values.webhookPath "/webhook" }}
- name: WEBHOOK_PATH
  value: {{ $root.Values.webhookPath }}
{{- end }}
{{- if or (has "IPv6" $root.Values.service.ipFamilies) (contains "DualStack" $root.Values.service.ipFamilyPolicy) }}
- name: HOST
  value: "::"
- name: MANAGEMENT_HOST
  value: "::"
{{- end }}
- name: MIGRATIONS
  value: wait
- name: DATABASE_URL_FILE
  value: /etc/octogauge/secrets/database-url
- name: DATABASE_POOL_SIZE
  value: {{ int $values.poolSize | quote }}
- name: GITHUB_WEBHOOK_SECRET_FILE
  value: /etc/octogauge/secrets/webhook-secret
{{- if hasKey $values "concurrency" }}
- name: WORKER_CONCURRENCY
  value: {{ int $values.concurrency | quote }}
{{- end }}
{{- if hasKey $values "shutdownDelay" }}
- name: SHUTDOWN_DELAY
  value: {{ $values.shutdownDelay | toString | quote }}
{{- end }}
- name: DRAIN_TIMEOUT
  value: {{ $values.drainTimeout | toString | quote }}
{{- with $root.Values.github }}
{{- with .apiUrl }}
- name: GITHUB_API_URL
  value: {{ . | quote }}
{{- end }}
{{- with .appId }}
- name: GITHUB_APP_ID
  value: {{ kindIs "float64" . | ternary (int64 . | toString) (toString .) | quote }}
{{- end }}
{{- if .appPrivateKeyKey }}
- name: GITHUB_APP_PRIVATE_KEY_FILE
  value: /etc/octogauge/secrets/app-private-key
{{- end }}
{{- if .tokenKey }}
- name: GITHUB_TOKEN_FILE
  value: /etc/octogauge/secrets/github-token
{{- end }}
{{- with .hooks }}
- name: GITHUB_HOOKS
  value: {{ join "," . | quote }}
{{- end }}
{{- end }}
{{- if $root.Values.metrics.existingSecret }}
- name: METRICS_TOKEN_FILE
  value: /etc/octogauge/secrets/metrics-token
{{- end }}
{{- with $root.Values.buffer }}
{{- if ne .type "none" }}
- name: BUFFER
  value: {{ .type }}
- name: {{ eq .type "nats" | ternary "NATS_URL_FILE" "REDIS_URL_FILE" }}
  value: /etc/octogauge/secrets/buffer-url
{{- with .after }}
- name: BUFFER_AFTER
  value: {{ . | toString | quote }}
{{- end }}
{{- with .stream }}
- name: BUFFER_STREAM
  value: {{ . | quote }}
{{- end }}
{{- if and (eq .type "nats") .natsReplicas }}
- name: NATS_REPLICAS
  value: {{ int .natsReplicas | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- if $root.Values.tracing.existingSecret }}
- name: OTEL_EXPORTER_OTLP_HEADERS_FILE
  value: /etc/octogauge/secrets/otlp-headers
{{- end }}
{{- end }}

{{/* The migration container, of the Job or as init container. It opens only its own connections. */}}
{{- define "octogauge.migrateContainer" -}}
name: migrate
image: {{ include "octogauge.image" .root }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
args: [migrate]
env:
  {{- include "octogauge.lastOfEach" (include "octogauge.migrateEnv" .) | nindent 2 }}
{{- with .root.Values.envFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.migrations.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  - name: database
    mountPath: /etc/octogauge/secrets
    readOnly: true
  {{- with .extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "octogauge.migrateEnv" -}}
{{- include "octogauge.config" .root }}
- name: DATABASE_URL_FILE
  value: /etc/octogauge/secrets/database-url
{{- with .root.Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Settings of all pods. */}}
{{- define "octogauge.podBasics" -}}
serviceAccountName: {{ include "octogauge.serviceAccountName" . }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.pod }}
{{- with .hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .dnsPolicy }}
dnsPolicy: {{ . }}
{{- end }}
{{- with .dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- end }}
{{- with .Values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Scheduling of a pod. */}}
{{- define "octogauge.placing" -}}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "octogauge.podLabels" -}}
{{- $own := include "octogauge.selector" . | fromYaml -}}
{{ toYaml (merge dict $own (.podLabels | default dict) .root.Values.commonLabels) }}
{{- end }}

{{- define "octogauge.topologySpread" -}}
{{- $spread := list -}}
{{- $context := . -}}
{{- range $scope := list (list .values.topologySpread.zone "topology.kubernetes.io/zone") (list .values.topologySpread.node "kubernetes.io/hostname") }}
{{- /* YAML reads an unquoted off as false. */}}
{{- if and (index $scope 0) (ne (index $scope 0) "off") }}
- maxSkew: 1
  topologyKey: {{ index $scope 1 }}
  whenUnsatisfiable: {{ index $scope 0 }}
  labelSelector:
    matchLabels:
      {{- include "octogauge.selector" $context | nindent 6 }}
  matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end }}
{{- end }}
