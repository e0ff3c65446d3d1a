// Command kubernetes bundles etcd, the control plane, the node agents and kubectl in one binary.
//
// The parts share most of their packages, so one link costs a fraction of seven. The first argument
// names the part to run; a link named after a part (kubectl -> kubernetes) runs that part too.
package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	manager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

var parts = map[string]func() *cobra.Command{
	"kube-apiserver":          apiserver.NewAPIServerCommand,
	"kube-controller-manager": manager.NewControllerManagerCommand,
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
	"kube-proxy":              proxy.NewProxyCommand,
	"kubelet":                 func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) },
	"kubectl":                 kubectl.NewDefaultKubectlCommand,
}

func main() {
	name, arguments := filepath.Base(os.Args[0]), os.Args
	if !known(name) && len(os.Args) > 1 {
		name, arguments = os.Args[1], os.Args[1:]
	}
	if !known(name) {
		names := append(slices.Sorted(maps.Keys(parts)), "etcd")
		fmt.Fprintf(os.Stderr, "usage: kubernetes PART [flags]; the parts are %s\n", strings.Join(names, ", "))
		os.Exit(2)
	}
	// The parts read os.Args themselves, some of them more than once.
	os.Args = arguments
	if name == "etcd" {
		etcdmain.Main(os.Args)
		return
	}
	os.Exit(cli.Run(parts[name]()))
}

func known(name string) bool {
	return name == "etcd" || parts[name] != nil
}
