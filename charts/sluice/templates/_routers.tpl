{{- /* Made from src/routing by `make generate`; do not edit. */}}

{{- define "sluice.routers" -}}
# appmesh:v1beta2
- apiGroups: [appmesh.k8s.aws]
  resources: [virtualnodes, virtualrouters, virtualservices]
  verbs: [get, list, watch, create, patch, delete]
# contour
- apiGroups: [projectcontour.io]
  resources: [httpproxies]
  verbs: [get, list, watch, create, patch, delete]
# gatewayapi:v1, gatewayapi:v1beta1
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, list, watch, create, patch, delete]
# gloo
- apiGroups: [gateway.solo.io]
  resources: [routetables]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [gloo.solo.io]
  resources: [upstreams]
  verbs: [get, list, watch, create, patch, delete]
# istio
- apiGroups: [networking.istio.io]
  resources: [destinationrules, virtualservices]
  verbs: [get, list, watch, create, patch, delete]
# kubernetes: no objects of its own
{{- end }}
