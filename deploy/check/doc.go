// Package check holds the tests of this folder's manifests: strictly against Kubernetes' own types, against the
// program's flags and metrics, and the alerts against made-up histories. It is a module of its own, so that the program
// depends on nothing of Kubernetes or Prometheus.
package check
