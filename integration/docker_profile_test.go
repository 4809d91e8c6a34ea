package integration

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"ringfence/integration/rig"
)

// TestDockerFreeSWITCHProfile holds that every Compose takes docker/compose.yml with
// the profile freeswitch, and that FreeSWITCH reads what it is given there. No
// image is pulled.
func TestDockerFreeSWITCHProfile(t *testing.T) {
	t.Parallel()
	forms := composeForms()
	if len(forms) == 0 {
		rig.Missing(t, "neither docker compose nor docker-compose is here: install docker-compose")
	}
	configuration, err := os.ReadFile("../docker/freeswitch/freeswitch.xml")
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range forms {
		name := strings.Join(form, " ")
		cmd := exec.Command(form[0], append(form[1:], "-f", "../docker/compose.yml", "--profile", "freeswitch", "config")...)
		cmd.Env = append(os.Environ(), "RINGFENCE_NET=10.9.8", "ESL_PASSWORD=secret")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		_, service, ok := strings.Cut(string(out), "\n  freeswitch:\n")
		if !ok {
			t.Fatalf("%s: no service freeswitch in\n%s", name, out)
		}
		service = regexp.MustCompile(`(?m)^  \w`).Split(service, 2)[0]
		for _, want := range []string{"image: safarov/freeswitch:", "SIP_IP: 10.9.8.5", "ESL_PASSWORD: secret", "RINGFENCE_SOCKET: 10.9.8.2:8084", "docker/freeswitch"} {
			if !strings.Contains(service, want) {
				t.Errorf("%s: the service has no %q:\n%s", name, want, service)
			}
		}
		_, environment, _ := strings.Cut(service, "    environment:\n")
		for _, m := range regexp.MustCompile(`(?m)^      ([A-Z_]+):`).FindAllStringSubmatch(environment, -1) {
			if !strings.Contains(string(configuration), `cmd="env-set" data="`+strings.ToLower(m[1])+`=$`+m[1]+`"`) {
				t.Errorf("%s: freeswitch.xml does not read %s", name, m[1])
			}
		}
	}
}
