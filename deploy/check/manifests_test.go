package check

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

const kubernetes = "../kubernetes"

// object is the type that a manifest's apiVersion and kind stand for.
func object(m metav1.TypeMeta) any {
	switch m.APIVersion + " " + m.Kind {
	case "batch/v1 CronJob":
		return &batchv1.CronJob{}
	case "batch/v1 Job":
		return &batchv1.Job{}
	case "v1 Secret":
		return &corev1.Secret{}
	case "networking.k8s.io/v1 NetworkPolicy":
		return &networkingv1.NetworkPolicy{}
	case "v1 PersistentVolumeClaim":
		return &corev1.PersistentVolumeClaim{}
	}
	return nil
}

// decode reads a file's documents; a field that Kubernetes does not know, or that stands there twice, is an error.
func decode(path string) ([]any, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var objects []any
	for r := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text))); ; {
		doc, err := r.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		var m metav1.TypeMeta
		if err := yaml.Unmarshal(doc, &m); err != nil {
			return nil, err
		}
		o := object(m)
		if o == nil {
			return nil, fmt.Errorf("%s: no check is known for %s %s", path, m.APIVersion, m.Kind)
		}
		if err := strictly(doc, o); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		objects = append(objects, o)
	}
}

// strictly decodes as the API server does with fieldValidation=Strict: encoding/json would forgive capitals.
func strictly(doc []byte, into any) error {
	text, err := yaml.YAMLToJSONStrict(doc)
	if err != nil {
		return err
	}
	strict, err := json.UnmarshalStrict(text, into)
	return errors.Join(append(strict, err)...)
}

// manifests gives the objects of that type in a file.
func manifests[T any](t *testing.T, name string) (all []*T) {
	t.Helper()
	objects, err := decode(filepath.Join(kubernetes, name))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		if found, ok := o.(*T); ok {
			all = append(all, found)
		}
	}
	if len(all) == 0 {
		t.Fatalf("%s has no %T", name, *new(T))
	}
	return all
}

func manifest[T any](t *testing.T, name string) *T { return manifests[T](t, name)[0] }

// cronJobs are all that run at their hours.
func cronJobs(t *testing.T) []*batchv1.CronJob {
	return append(manifests[batchv1.CronJob](t, "cronjob.yaml"),
		manifests[batchv1.CronJob](t, "suspend-then-delete.yaml")...)
}

func TestManifestsAreStrictlyKubernetes(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(kubernetes, "*.yaml"))
	if err != nil || len(files) < 4 {
		t.Fatalf("%d manifests: %v", len(files), err)
	}
	for _, path := range files {
		if _, err := decode(path); err != nil {
			t.Error(err)
		}
	}
}

// The check itself: a misspelt field has to be found.
func TestMisspeltFieldIsFound(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(kubernetes, "cronjob.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cronjob.yaml")
	for field, wrong := range map[string]string{
		"readOnlyRootFilesystem:": "readonlyRootFilesystem:", "concurrencyPolicy:": "concurencyPolicy:",
		"restartPolicy:": "restartpolicy:",
		"claimName:":     "claim:", "timeZone: Etc/UTC": "suspend: false\n  suspend: false",
	} {
		if !bytes.Contains(text, []byte(field)) {
			t.Errorf("the manifest has no %s", field)
		}
		if err := os.WriteFile(path, bytes.Replace(text, []byte(field), []byte(wrong), 1), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := decode(path); err == nil {
			t.Errorf("%s is not found", wrong)
		}
	}
}

// A Pushgateway keeps one run's metrics for each group: two schedules that push to the same one, or to its root, overwrite
// each other, and the alerts are about the last of them alone.
func TestNoTwoSchedulesPushToOneGroup(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(kubernetes, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	pushes := map[string]string{} // who pushes, by where to
	for _, path := range files {
		objects, err := decode(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range objects {
			c, ok := o.(*batchv1.CronJob)
			if !ok {
				continue
			}
			for _, arg := range c.Spec.JobTemplate.Spec.Template.Spec.Containers[0].Args {
				url, push := strings.CutPrefix(arg, "--metrics-push=")
				if !push {
					continue
				}
				if _, group, _ := strings.Cut(url, "/metrics/job/"); group == "" || pushes[url] != "" {
					t.Errorf("%s and %q push to %s: give each /metrics/job/ and its own name", c.Name, pushes[url], url)
				}
				pushes[url] = c.Name
			}
		}
	}
	if len(pushes) == 0 {
		t.Error("no schedule pushes metrics")
	}
}

func TestCronJobNeverRunsTwiceAtOnce(t *testing.T) {
	for _, job := range cronJobs(t) {
		spec := job.Spec
		if spec.ConcurrencyPolicy != batchv1.ForbidConcurrent {
			t.Errorf("%s: concurrencyPolicy is %q", job.Name, spec.ConcurrencyPolicy)
		}
		if p := spec.JobTemplate.Spec.PodReplacementPolicy; p == nil || *p != batchv1.Failed {
			t.Errorf("%s: podReplacementPolicy is not Failed: a pod would be replaced while it drains", job.Name)
		}
		if spec.JobTemplate.Spec.BackoffLimit == nil || *spec.JobTemplate.Spec.BackoffLimit == 0 {
			t.Errorf("%s: exit code 4 would not be tried again: backoffLimit is 0 or left to the default", job.Name)
		}
	}
}

// What one job writes no other one writes over: each has a name, an hour, a place for its folders and a group of
// metrics of its own.
func TestCronJobsAreApart(t *testing.T) {
	seen := map[string]string{}
	for _, job := range cronJobs(t) {
		own := []string{job.Name}
		for _, arg := range job.Spec.JobTemplate.Spec.Template.Spec.Containers[0].Args {
			if strings.HasPrefix(arg, "--out=") || strings.HasPrefix(arg, "--metrics-push=") {
				own = append(own, arg)
			}
		}
		if len(own) != 3 {
			t.Errorf("%s has %v", job.Name, own)
		}
		for _, word := range own {
			if other := seen[word]; other != "" {
				t.Errorf("%s and %s both have %s", other, job.Name, word)
			}
			seen[word] = job.Name
		}
	}
	pair := manifests[batchv1.CronJob](t, "suspend-then-delete.yaml")
	for i, want := range []string{" --suspend ", " --only=status=Suspended --only=status-changed<30d-ago "} {
		args := strings.Join(pair[i].Spec.JobTemplate.Spec.Template.Spec.Containers[0].Args, " ")
		if !strings.Contains(args, want) || strings.Contains(args, "--suspend ") != (i == 0) {
			t.Errorf("%s has %s", pair[i].Name, args)
		}
	}
}

func TestIndexedJobHasAPodForEachShard(t *testing.T) {
	spec := manifest[batchv1.Job](t, "indexed-job.yaml").Spec
	if spec.CompletionMode == nil || *spec.CompletionMode != batchv1.IndexedCompletion || spec.Completions == nil {
		t.Fatal("the job is not indexed, or has no completions")
	}
	shard := fmt.Sprintf("--shard=/%d", *spec.Completions)
	if !slices.Contains(spec.Template.Spec.Containers[0].Args, shard) {
		t.Errorf("with %d completions the arguments have no %s: rows would be left out", *spec.Completions, shard)
	}
	if spec.BackoffLimitPerIndex == nil || spec.BackoffLimit != nil {
		t.Error("a shard's failures have to be counted for it alone: FailIndex needs backoffLimitPerIndex")
	}
	if p := spec.PodReplacementPolicy; p == nil || *p != batchv1.Failed {
		t.Error("podReplacementPolicy is not Failed: a pod would be replaced while it drains")
	}
}

// pods are the templates of everything that runs.
func pods(t *testing.T) map[string]batchv1.JobSpec {
	all := map[string]batchv1.JobSpec{"indexed-job.yaml": manifest[batchv1.Job](t, "indexed-job.yaml").Spec}
	for _, job := range cronJobs(t) {
		all[job.Name] = job.Spec.JobTemplate.Spec
	}
	return all
}

func TestEveryExitCodeHasOneAction(t *testing.T) {
	const count, fail = batchv1.PodFailurePolicyActionCount, batchv1.PodFailurePolicyActionFailJob
	const index = batchv1.PodFailurePolicyActionFailIndex
	for name, job := range pods(t) {
		want := map[int32]batchv1.PodFailurePolicyAction{1: fail, 2: fail, 3: fail, 4: count, 5: fail}
		if name == "indexed-job.yaml" {
			want[1], want[5] = index, count
		}
		if job.Template.Spec.RestartPolicy != corev1.RestartPolicyNever {
			t.Errorf("%s: podFailurePolicy needs restartPolicy Never, not %q", name, job.Template.Spec.RestartPolicy)
		}
		rules := job.PodFailurePolicy.Rules
		drained := rules[0]
		if drained.Action != batchv1.PodFailurePolicyActionIgnore || len(drained.OnPodConditions) != 1 ||
			drained.OnPodConditions[0].Type != corev1.DisruptionTarget {
			t.Errorf("%s: a drained node is not ignored before all else", name)
		}
		got := map[int32]batchv1.PodFailurePolicyAction{}
		for _, rule := range rules[1:] {
			if rule.OnExitCodes.Operator != batchv1.PodFailurePolicyOnExitCodesOpIn ||
				*rule.OnExitCodes.ContainerName != job.Template.Spec.Containers[0].Name {
				t.Errorf("%s: a rule is not about the container's exit codes: %v", name, rule.OnExitCodes)
			}
			for _, code := range rule.OnExitCodes.Values {
				if _, twice := got[code]; twice {
					t.Errorf("%s: exit code %d stands in two rules", name, code)
				}
				got[code] = rule.Action
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: exit codes lead to %v, want %v", name, got, want)
		}
	}
}

func TestPodsAreLockedDown(t *testing.T) {
	for name, job := range pods(t) {
		pod := job.Template.Spec
		c := pod.Containers[0]
		for what, ok := range map[string]bool{
			"runAsNonRoot":                 *pod.SecurityContext.RunAsNonRoot,
			"runAsUser 65532":              *pod.SecurityContext.RunAsUser == 65532,
			"fsGroup 65532":                *pod.SecurityContext.FSGroup == 65532,
			"fsGroup OnRootMismatch":       *pod.SecurityContext.FSGroupChangePolicy == corev1.FSGroupChangeOnRootMismatch,
			"seccompProfile":               pod.SecurityContext.SeccompProfile.Type == corev1.SeccompProfileTypeRuntimeDefault,
			"no service account token":     !*pod.AutomountServiceAccountToken,
			"readOnlyRootFilesystem":       *c.SecurityContext.ReadOnlyRootFilesystem,
			"no privilege escalation":      !*c.SecurityContext.AllowPrivilegeEscalation,
			"capabilities: drop ALL":       slices.Equal(c.SecurityContext.Capabilities.Drop, []corev1.Capability{"ALL"}),
			"no capability added":          c.SecurityContext.Capabilities.Add == nil,
			"memory limit":                 !c.Resources.Limits.Memory().IsZero(),
			"ephemeral storage limit":      !c.Resources.Limits.StorageEphemeral().IsZero(),
			"imagePullPolicy":              c.ImagePullPolicy == corev1.PullIfNotPresent,
			"a minute and more for drains": *pod.TerminationGracePeriodSeconds >= 60,
		} {
			if !ok {
				t.Errorf("%s lacks %s", name, what)
			}
		}
	}
}

// The network policy is about every pod, and lets it reach names, the API and the gateway that it pushes to.
func TestNetworkPolicyFits(t *testing.T) {
	policy := manifest[networkingv1.NetworkPolicy](t, "networkpolicy.yaml").Spec
	if len(policy.PolicyTypes) != 2 || len(policy.Ingress) > 0 {
		t.Errorf("types %v, and %d rules for who may come in", policy.PolicyTypes, len(policy.Ingress))
	}
	var ports []int32
	for _, rule := range policy.Egress {
		if len(rule.To) == 0 {
			t.Error("a rule lets everything out")
		}
		for _, p := range rule.Ports {
			ports = append(ports, p.Port.IntVal)
		}
	}
	if !slices.Equal(ports, []int32{53, 53, 443, 9091}) {
		t.Errorf("reached are ports %v", ports)
	}
	gateway := regexp.MustCompile(`--metrics-push=http://pushgateway\.monitoring:9091\b`)
	for name, job := range pods(t) {
		for key, value := range policy.PodSelector.MatchLabels {
			if job.Template.Labels[key] != value {
				t.Errorf("the policy is not about the pods of %s", name)
			}
		}
		args := strings.Join(job.Template.Spec.Containers[0].Args, " ")
		if strings.Contains(args, "--metrics-push") && !gateway.MatchString(args) {
			t.Errorf("%s pushes to where the policy does not lead: %s", name, args)
		}
	}
}

// docs/operating.md says of each exit code what the manifests say.
func TestDocsSayWhatExitCodesLeadTo(t *testing.T) {
	page, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| (\\d) [^|]*\\| `(\\w+)`[^|]*\\| `(\\w+)`").FindAllStringSubmatch(string(page), -1)
	if len(rows) != 5 {
		t.Fatalf("the table has %d rows", len(rows))
	}
	for name, job := range pods(t) {
		column := map[bool]int{true: 2, false: 3}[name != "indexed-job.yaml"]
		for _, rule := range job.PodFailurePolicy.Rules[1:] {
			for _, code := range rule.OnExitCodes.Values {
				if row := rows[code-1]; row[1] != fmt.Sprint(code) || row[column] != string(rule.Action) {
					t.Errorf("%s: %d leads to %s, and the page says %q", name, code, rule.Action, row)
				}
			}
		}
	}
}

// What the pods mount has to be there: claims of pvc.yaml, and a secret with the files that the variables name.
func TestVolumesAndSecretsAreThere(t *testing.T) {
	claims := map[string]bool{}
	objects, err := decode(filepath.Join(kubernetes, "pvc.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		claims[o.(*corev1.PersistentVolumeClaim).Name] = true
	}
	secret := manifest[corev1.Secret](t, "secret.yaml")
	for name, job := range pods(t) {
		pod := job.Template.Spec
		if claim := pod.Volumes[0].PersistentVolumeClaim.ClaimName; !claims[claim] {
			t.Errorf("%s: there is no claim %q", name, claim)
		}
		if source := pod.Volumes[1].Secret; source.SecretName != secret.Name || *source.DefaultMode != 0o440 {
			t.Errorf("%s: the secret is %q with mode %o", name, source.SecretName, *source.DefaultMode)
		}
		for _, env := range pod.Containers[0].Env {
			dir, file := filepath.Split(env.Value)
			if filepath.Clean(dir) != pod.Containers[0].VolumeMounts[1].MountPath {
				continue
			}
			if _, ok := secret.StringData[file]; !ok {
				t.Errorf("%s: %s names %s, and the secret has no %q", name, env.Name, env.Value, file)
			}
		}
	}
}
