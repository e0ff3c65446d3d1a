{{- /*
What the controller and the gate do inside the namespaces that they watch: a ClusterRole, or a Role where `namespace` is
set. The blocks of the routers are made from what these say of themselves, in _routers.tpl.
*/}}

{{- define "sluice.rules" -}}
- apiGroups: [flagger.app]
  resources: [canaries]
  verbs: [get, list, watch, patch]
- apiGroups: [flagger.app]
  resources: [canaries/status]
  verbs: [get, patch, update]
# Owner references that block the owner's deletion need it where that admission plugin is on.
- apiGroups: [flagger.app]
  resources: [canaries/finalizers]
  verbs: [update]
- apiGroups: [flagger.app]
  resources: [metrictemplates, alertproviders]
  verbs: [get, list, watch]
# Targets and primaries; scaling goes through the subresource, so that nobody's next apply conflicts.
- apiGroups: [apps]
  resources: [daemonsets, deployments]
  verbs: [get, list, watch, create, patch]
- apiGroups: [apps]
  resources: [deployments/scale]
  verbs: [get, patch, update]
# The user's autoscaler, which is marked, and the primary's, which follows it.
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, patch, delete]
# Snapshots of pod templates, one a revision.
- apiGroups: [apps]
  resources: [controllerrevisions]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, patch]
{{- include "sluice.configs" (list "configmaps" (include "sluice.tracks" (list . "configMaps"))) }}
{{- include "sluice.configs" (list "secrets" (include "sluice.tracks" (list . "secrets"))) }}
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- if .Values.metricSecrets }}
# Credentials of metric servers and chat rooms (secretRef of a MetricTemplate, of an AlertProvider): one at a time, never listed, never watched.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
{{- end }}
{{- include "sluice.routers" . | nindent 0 }}
{{- end }}

{{- /* How a kind of configs is tracked: watch, get or off. */}}
{{- define "sluice.tracks" -}}
{{- $values := (index . 0).Values.configTracking -}}
{{- if $values.enabled }}{{ index $values (index . 1) }}{{ else }}off{{ end }}
{{- end }}

{{- /* What tracking a kind of configs needs: to read it, to make copies for primaries, to delete those. */}}
{{- define "sluice.configs" -}}
{{- $how := index . 1 }}
{{- if ne $how "off" }}
- apiGroups: [""]
  resources: [{{ index . 0 }}]
  verbs: [get,{{ if eq $how "watch" }} list, watch,{{ end }} create, patch, delete]
{{- end }}
{{- end }}
