package check
import (
 _ "k8s.io/api/batch/v1"
 _ "k8s.io/api/core/v1"
 _ "sigs.k8s.io/yaml"
 _ "github.com/prometheus/prometheus/model/rulefmt"
 _ "github.com/prometheus/prometheus/promql"
 _ "github.com/prometheus/prometheus/promql/promqltest"
 _ "github.com/prometheus/prometheus/rules"
)
