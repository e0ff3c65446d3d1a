{{- /* Made from src/routing by `make generate`; do not edit. */}}

{{- define "sluice.routers" -}}
# contour
- apiGroups: [projectcontour.io]
  resources: [httpproxies]
  verbs: [get, list, watch, create, patch]
# gatewayapi:v1, gatewayapi:v1beta1
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, list, watch, create, patch]
# istio
- apiGroups: [networking.istio.io]
  resources: [destinationrules, virtualservices]
  verbs: [get, list, watch, create, patch]
# kubernetes: no objects of its own
{{- end }}
