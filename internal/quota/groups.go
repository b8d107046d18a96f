package quota

import (
	"os"
	"path"
	"strings"
)

// groups are the folders that may have a file of limits: those of the process's own control group and all above it
// (docs.kernel.org/admin-guide/cgroup-v2.html), of version 1 those of one controller, whose group is mounted at its root in a container.
func groups(controller string) []string {
	folders := []string{"/sys/fs/cgroup/" + controller}
	data, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return folders
	}
	return append(folders, unified(string(data))...)
}

// unified reads the group of version 2 from /proc/self/cgroup and names its folder and all above it, the innermost first.
func unified(list string) []string {
	var folders []string
	for line := range strings.Lines(list) {
		group, found := strings.CutPrefix(strings.TrimSpace(line), "0::")
		if !found {
			continue
		}
		for group = path.Clean("/" + group); ; group = path.Dir(group) {
			folders = append(folders, path.Join("/sys/fs/cgroup", group))
			if group == "/" {
				break
			}
		}
	}
	return folders
}
