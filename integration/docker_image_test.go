package integration

import (
	"archive/tar"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"time"
)

const maxImage = 30_000_000 // bytes

func (p *project) testImage() {
	var image struct {
		Size   int64
		Config struct {
			User       string
			Entrypoint []string
		}
	}
	p.inspect("ringfence:test", &image)
	p.t.Logf("ringfence: %.1f MB", float64(image.Size)/1e6)
	if image.Size > maxImage {
		p.t.Errorf("the image has %d bytes, at most %d are wanted", image.Size, maxImage)
	}
	if image.Config.User != "65532:65532" || !slices.Equal(image.Config.Entrypoint, []string{"/ringfence"}) {
		p.t.Errorf("it runs %q as %q", image.Config.Entrypoint, image.Config.User)
	}
	if out := p.docker("run", "--rm", "ringfence:test", "version"); !strings.Contains(out, "ringfence test ") {
		p.t.Errorf("version: %q", out)
	}
	if out, err := p.try(time.Minute, "docker", "run", "--rm", "--entrypoint", "/bin/sh", "ringfence:test", "-c", "true"); err == nil {
		p.t.Errorf("it has a shell: %s", out)
	}

	// What is there is not made anew.
	base := p.docker("image", "inspect", "--format", "{{.Id}}", "golang:1.26-bookworm", "debian:bookworm-slim")
	if out := p.run(time.Minute, "../docker/stand-in.sh"); strings.Count(out, "left as it is") != 2 {
		p.t.Errorf("stand-in.sh says:\n%s", out)
	}
	if now := p.docker("image", "inspect", "--format", "{{.Id}}", "golang:1.26-bookworm", "debian:bookworm-slim"); now != base {
		p.t.Errorf("stand-in.sh replaced images: %s, were %s", now, base)
	}

	// Of what can be run there is ringfence alone.
	cmd := exec.Command("docker", "export", p.container(serviceRingfence))
	out, err := cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	var programs []string
	for files := tar.NewReader(out); ; {
		f, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			p.t.Fatal(err)
		}
		if f.Typeflag == tar.TypeReg && f.Size > 0 && f.Mode&0o111 != 0 {
			programs = append(programs, f.Name)
		}
	}
	if err := cmd.Wait(); err != nil {
		p.t.Fatal(err)
	}
	if !slices.Equal(programs, []string{"ringfence"}) {
		p.t.Errorf("programs in the image: %q", programs)
	}
}

func (p *project) testContainers() {
	for _, service := range []string{serviceRingfence, serviceKamailio} {
		id := p.container(service)
		var c struct {
			HostConfig struct {
				ReadonlyRootfs bool
				CapDrop        []string
				SecurityOpt    []string
				Privileged     bool
			}
		}
		p.inspect(id, &c)
		h := c.HostConfig
		if !h.ReadonlyRootfs || h.Privileged || !slices.Contains(h.CapDrop, "ALL") || !slices.Contains(h.SecurityOpt, "no-new-privileges:true") {
			p.t.Errorf("%s: not hardened: %+v", service, h)
		}
		processes := strings.Split(p.docker("top", id, "-eo", "pid,uid"), "\n")[1:]
		if len(processes) == 0 || slices.ContainsFunc(processes, func(line string) bool { return strings.HasSuffix(line, " 0") }) {
			p.t.Errorf("%s runs as root, or not at all: %q", service, processes)
		}
	}
	p.await("ringfence is healthy", func() bool {
		return p.docker("inspect", "--format", "{{.State.Health.Status}}", p.container(serviceRingfence)) == "healthy"
	})
}
