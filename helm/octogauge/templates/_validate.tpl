{{/* What the schema cannot see: what does not go together. All problems at once. */}}
{{- define "octogauge.validate" -}}
{{- $problems := list -}}
{{- if not .Values.image.repository }}{{ $problems = append $problems "image.repository is empty; name the image that you built from the Dockerfile and pushed" }}{{ end -}}
{{- if not .Values.github.existingSecret }}{{ $problems = append $problems "github.existingSecret is empty; name a Secret with the webhook's secret" }}{{ end -}}
{{- if not .Values.database.existingSecret }}{{ $problems = append $problems "database.existingSecret is empty; name a Secret with the URL of a PostgreSQL" }}{{ end -}}
{{- with .Values.github -}}
{{- if ne (empty .appId) (empty .appPrivateKeyKey) }}{{ $problems = append $problems "github.appId and github.appPrivateKeyKey go together; set both or neither" }}{{ end -}}
{{- if and .appId .tokenKey }}{{ $problems = append $problems "github.appId and github.tokenKey are both set; set one of them" }}{{ end -}}
{{- if and .hooks (not .appId) (not .tokenKey) }}{{ $problems = append $problems "github.hooks is set, but there are no credentials to read the delivery logs; set github.appId and github.appPrivateKeyKey, or github.tokenKey" }}{{ end -}}
{{- end -}}
{{- if and (ne .Values.buffer.type "none") (not .Values.buffer.existingSecret) }}{{ $problems = append $problems (printf "buffer.type is %s, but buffer.existingSecret is empty; name a Secret with the broker's URL" .Values.buffer.type) }}{{ end -}}
{{- range $component := include "octogauge.components" . | fromJsonArray -}}
{{- $values := index $.Values $component -}}
{{- if and (hasKey $values "shutdownDelay") (ge (float64 $values.shutdownDelay) (float64 $values.drainTimeout)) }}{{ $problems = append $problems (printf "%s.shutdownDelay is %v; it has to be less than drainTimeout (%v), which holds it and the work under way" $component $values.shutdownDelay $values.drainTimeout) }}{{ end -}}
{{- if and (hasKey $values "concurrency") (lt (int $values.poolSize) (add (int $values.concurrency) 2 | int)) }}{{ $problems = append $problems (printf "%s.poolSize is %v; it has to be at least %v, two more than concurrency" $component $values.poolSize (add (int $values.concurrency) 2)) }}{{ end -}}
{{- if and (gt (int $values.preStopSleep) 0) (semverCompare "<1.30.0-0" $.Capabilities.KubeVersion.Version) }}{{ $problems = append $problems (printf "%s.preStopSleep is %v, but Kubernetes %s has no such hook (1.30 and newer have); use shutdownDelay" $component $values.preStopSleep $.Capabilities.KubeVersion.Version) }}{{ end -}}
{{- $problems = concat $problems (include "octogauge.extraEnvProblems" (dict "root" $ "component" $component "values" $values) | fromJsonArray) -}}
{{- range $kind := list "hpa" "keda" -}}
{{- with index $values $kind -}}
{{- if and .enabled (gt (int .minReplicas) (int .maxReplicas)) }}{{ $problems = append $problems (printf "%s.%s.minReplicas is more than maxReplicas" $component $kind) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- with $values.hpa -}}
{{- if and .enabled (kindIs "invalid" .cpuUtilization) (not .metrics) (kindIs "invalid" .pendingAge) (kindIs "invalid" .pending) }}{{ $problems = append $problems (printf "%s.hpa has nothing to scale by" $component) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- if and (eq .Values.mode "split") .Values.worker.keda.enabled (eq .Values.worker.keda.source "prometheus") (not .Values.worker.keda.prometheusAddress) }}{{ $problems = append $problems "worker.keda.prometheusAddress is empty; KEDA has to know where Prometheus is" }}{{ end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) }}{{ $problems = append $problems "ingress.hosts is empty; name the host that GitHub is to post to" }}{{ end -}}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) }}{{ $problems = append $problems "httpRoute.parentRefs is empty; name the Gateway" }}{{ end -}}
{{- if and .Values.networkPolicy.enabled (not .Values.networkPolicy.managementFrom) (or .Values.monitoring.fleet.enabled .Values.monitoring.process.enabled) }}{{ $problems = append $problems "networkPolicy.managementFrom is empty, so Prometheus could not scrape; name the peers it comes from, or turn networkPolicy off" }}{{ end -}}
{{- if and .Values.networkPolicy.enabled .Values.networkPolicy.egress.enabled (not .Values.networkPolicy.egress.rules) }}{{ $problems = append $problems "networkPolicy.egress.rules is empty, so no pod could reach PostgreSQL; allow it, and GitHub's API and the broker if they are used, or turn networkPolicy.egress off" }}{{ end -}}
{{- with .Values.service -}}
{{- if and .externalTrafficPolicy (eq .type "ClusterIP") }}{{ $problems = append $problems (printf "service.externalTrafficPolicy is %s, which a ClusterIP Service does not have; leave it empty, or set service.type to NodePort or LoadBalancer" .externalTrafficPolicy) }}{{ end -}}
{{- if and (gt (len .ipFamilies) 1) (not (contains "DualStack" .ipFamilyPolicy)) }}{{ $problems = append $problems "service.ipFamilies are two, which needs service.ipFamilyPolicy PreferDualStack or RequireDualStack" }}{{ end -}}
{{- end -}}
{{- $budget := int .Values.database.connectionBudget -}}
{{- $need := include "octogauge.connections" . | fromJson -}}
{{- if and (gt $budget 0) (gt (int $need.total) $budget) }}{{ $problems = append $problems (printf "up to %v connections to PostgreSQL (%s), but database.connectionBudget is %v; lower poolSize or the replicas, put a pooler in between, or raise the budget if PostgreSQL's max_connections allows it" $need.total (join ", " $need.parts) $budget) }}{{ end -}}
{{- $problems = uniq $problems -}}
{{- if $problems }}{{ fail (printf "\n\nThe values have %d problem(s):\n  - %s\n" (len $problems) (join "\n  - " $problems)) }}{{ end -}}
{{- end }}

{{/* Variables of extraEnv that would meet one of the chart's: the start refuses NAME beside NAME_FILE, and the chart counts with the numbers that it sets. As JSON. */}}
{{- define "octogauge.extraEnvProblems" -}}
{{- $problems := list -}}
{{- $own := list -}}
{{- range include "octogauge.ownEnv" . | fromYamlArray -}}
{{- $own = append $own (trimSuffix "_FILE" .name) -}}
{{- end -}}
{{- $names := list -}}
{{- range $from, $variables := dict "extraEnv" .root.Values.extraEnv (printf "%s.extraEnv" .component) .values.extraEnv -}}
{{- range $variables -}}
{{- $names = append $names .name -}}
{{- if has (trimSuffix "_FILE" .name) $own }}{{ $problems = append $problems (printf "%s sets %s, which the chart sets by other values; use those" $from .name) }}{{ end -}}
{{- if eq .name "WEB_CONCURRENCY" }}{{ $problems = append $problems (printf "%s sets WEB_CONCURRENCY; connections, memory and probes are those of one process a pod, so raise the replicas" $from) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- $plain := concat $names (keys .root.Values.config) -}}
{{- range $names -}}
{{- if and (hasSuffix "_FILE" .) (has (trimSuffix "_FILE" .) $plain) }}{{ $problems = append $problems (printf "%s and %s are both set, by extraEnv and config; set one of them" (trimSuffix "_FILE" .) .) }}{{ end -}}
{{- end -}}
{{ toJson $problems }}
{{- end }}

{{/* Most pods of a component, without those of a rollout. */}}
{{- define "octogauge.maxReplicas" -}}
{{- if .hpa.enabled -}}
{{ int .hpa.maxReplicas }}
{{- else if and .keda .keda.enabled -}}
{{ int .keda.maxReplicas }}
{{- else -}}
{{ int .replicas }}
{{- end -}}
{{- end }}

{{/* Fewest pods of a component. */}}
{{- define "octogauge.minReplicas" -}}
{{- if .hpa.enabled -}}
{{ int .hpa.minReplicas }}
{{- else if and .keda .keda.enabled -}}
{{ int .keda.minReplicas }}
{{- else -}}
{{ int .replicas }}
{{- end -}}
{{- end }}

{{/* Connections at the worst moment: all pods that there can be, those of a rollout, KEDA, and whoever migrates. */}}
{{- define "octogauge.connections" -}}
{{- $total := 0 -}}
{{- $parts := list -}}
{{- range $component := include "octogauge.components" . | fromJsonArray -}}
{{- $values := index $.Values $component -}}
{{- $pods := add (include "octogauge.maxReplicas" $values | int) (int $values.maxSurge) | int -}}
{{- $total = add $total (mul $pods (int $values.poolSize)) -}}
{{- $parts = append $parts (printf "%s: %d pods × %d" $component $pods (int $values.poolSize)) -}}
{{- end -}}
{{- if and (eq .Values.mode "split") .Values.worker.keda.enabled (eq .Values.worker.keda.source "postgresql") -}}
{{- /* One for each trigger. */ -}}
{{- $total = add $total 2 -}}
{{- $parts = append $parts "KEDA: 2" -}}
{{- end -}}
{{- if ne .Values.migrations.mode "external" -}}
{{- $total = add $total 4 -}}
{{- $parts = append $parts "migrations: 4" -}}
{{- end -}}
{{ dict "total" $total "parts" $parts | toJson }}
{{- end }}
