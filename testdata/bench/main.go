// Command bench measures deadbox against The Sleuth Kit on an ext4 file system
// of a million files:
//
//	go run ./testdata/bench -deadbox ./deadbox -dir out/bench
//
// The file system is made once, by mke2fs and by the kernel on a loop device,
// which needs root. Each command runs several times, the commands in turn, so
// that what else the machine does hits all of them; the table gives medians.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

func main() {
	deadbox := flag.String("deadbox", "./deadbox", "the binary to measure")
	dir := flag.String("dir", "out/bench", "folder for the image and the outputs")
	runs := flag.Int("runs", 5, "runs of each command")
	files := flag.Int("files", 1_000_000, "files on the image")
	// fls compares each name with all others of its directory, so that one
	// directory of 100,000 names alone costs it half a minute. A tree without such
	// directories is the fair measure.
	largest := flag.Int("largest", 5_000, "files in the largest directory")
	flag.Parse()
	if err := run(*deadbox, *dir, *runs, *files, *largest); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(deadbox, dir string, runs, files, largest int) error {
	for _, tool := range []string{"fls", "mactime"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is missing: the measure is The Sleuth Kit (Debian: apt-get install sleuthkit)", tool)
		}
	}
	deadbox, err := filepath.Abs(deadbox)
	if err != nil {
		return err
	}
	if _, err := os.Stat(deadbox); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	img := filepath.Join(dir, fmt.Sprintf("files-%d-%d.img", files, largest))
	if _, err := os.Stat(img); err != nil {
		if err := makeImage(img, dir, files, largest); err != nil {
			return err
		}
	}
	return measure(deadbox, img, dir, runs)
}

// makeImage makes the file system under another name, so that one that was
// not finished is never measured.
func makeImage(img, dir string, files, largest int) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("the image %s does not exist yet, and making it needs root, for the loop device", img)
	}
	os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	fmt.Fprintf(os.Stderr, "making %s ...\n", img)
	begin := time.Now()
	part := img + ".part"
	defer os.Remove(part)
	f, err := os.Create(part)
	if err != nil {
		return err
	}
	// 6 KB a file: a quarter of them have a block, directories have theirs.
	if err := f.Truncate(int64(files)*6000 + 64<<20); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := command("mke2fs", "-q", "-F", "-t", "ext4", "-N", fmt.Sprint(files+files/8), part); err != nil {
		return err
	}
	mnt := filepath.Join(dir, "mnt")
	if err := os.MkdirAll(mnt, 0o755); err != nil {
		return err
	}
	if err := command("mount", "-o", "loop,noatime", part, mnt); err != nil {
		return err
	}
	err = fill(mnt, files, largest)
	if e := command("umount", mnt); err == nil {
		err = e
	}
	os.Remove(mnt)
	if err != nil {
		return err
	}
	if err := os.Chmod(part, 0o444); err != nil {
		return err
	}
	if err := os.Rename(part, img); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "made in %s\n", time.Since(begin).Round(time.Second))
	return nil
}

func command(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// fill makes directories of very different sizes, as servers have them: a
// few of some thousand files, more of a thousand, most of a few dozen. A quarter
// of the files have content, one in fifty is a symbolic link, one in two hundred
// is deleted again.
func fill(root string, files, largest int) error {
	rng := rand.New(rand.NewPCG(1, 2))
	words := strings.Fields("access archive backup base cache client common config core data default error event export field group handler index item language layout library list manager message model module network object package parser plugin process query record request resource response server service session source state string system table template test theme thread time token tool type update user value version view widget")
	word := func() string { return words[rng.IntN(len(words))] }
	content := []byte(strings.Repeat("All work and no play makes a dull file system.\n", 80))
	epoch := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Unix()

	dirs := []string{root}
	made := 0
	for n := 0; made < files; n++ {
		size := 4 + rng.IntN(60)
		switch {
		case n == 0:
			size = largest
		case n%1500 == 1:
			size = largest / 2
		case n%100 == 2:
			size = 1000
		}
		// A parent near the root more often than a deep one.
		parent := dirs[rng.IntN(min(len(dirs), 1+rng.IntN(len(dirs))))]
		if strings.Count(parent[len(root):], "/") > 10 {
			parent = root
		}
		dir := fmt.Sprintf("%s/%s-%d", parent, word(), n)
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		dirs = append(dirs, dir)
		for i := 0; i < size && made < files; i++ {
			made++
			name := fmt.Sprintf("%s/%s_%s%d.%s", dir, word(), word(), i, [...]string{"php", "txt", "html", "log", "js"}[rng.IntN(5)])
			if rng.IntN(50) == 0 {
				if err := os.Symlink("../"+word()+"/"+word(), name); err != nil {
					return err
				}
				continue
			}
			fd, err := syscall.Open(name, syscall.O_CREAT|syscall.O_EXCL|syscall.O_WRONLY|syscall.O_CLOEXEC, 0o644)
			if err != nil {
				return &os.PathError{Op: "create", Path: name, Err: err}
			}
			if rng.IntN(4) == 0 {
				if _, err := syscall.Write(fd, content[:1+rng.IntN(len(content))]); err != nil {
					return err
				}
			}
			if err := syscall.Close(fd); err != nil {
				return err
			}
			stamp := time.Unix(epoch+rng.Int64N(20_000_000), rng.Int64N(1e9))
			if err := os.Chtimes(name, stamp, stamp); err != nil {
				return err
			}
			if i%8 == 0 {
				if err := os.Chown(name, 1000+i%7, 33); err != nil {
					return err
				}
			}
			if rng.IntN(200) == 0 {
				made--
				if err := os.Remove(name); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// A row is a command that is measured.
type row struct {
	name    string
	shell   string // run by sh -c; $D is deadbox, $I the image
	out     string // file that takes its output; "" for /dev/null
	against string // name of the row that it is compared with
	cold    bool   // the page cache is emptied before it

	times []time.Duration
	cpu   []time.Duration // of all its processes, user and system
	rss   []int64         // peak memory of its largest process, bytes
	size  int64
}

func measure(deadbox, img, dir string, runs int) error {
	const toNull = ""
	rows := []*row{
		{name: "fls -r -m /", shell: `fls -r -m / "$I"`, out: toNull},
		{name: "deadbox timeline --format body", shell: `"$D" timeline --format body -q "$I"`, out: toNull, against: "fls -r -m /"},
		{name: "fls -r -m / > file", shell: `fls -r -m / "$I"`, out: "fls.body"},
		{name: "deadbox timeline --format body > file", shell: `"$D" timeline --format body -q "$I"`, out: "deadbox.body", against: "fls -r -m / > file"},
		{name: "fls -r -m / | mactime -d -y > file", shell: `fls -r -m / "$I" | mactime -d -y`, out: "fls.csv"},
		{name: "deadbox timeline --format mactime > file", shell: `"$D" timeline --format mactime -q "$I"`, out: "deadbox.csv", against: "fls -r -m / | mactime -d -y > file"},
		{name: "deadbox info", shell: `"$D" info -q "$I"`},
	}
	if os.Geteuid() == 0 {
		rows = append(rows, &row{name: "deadbox info, cold", shell: `"$D" info -q "$I"`, cold: true})
	} else {
		fmt.Fprintln(os.Stderr, "not root: the page cache cannot be emptied, so there is no cold run")
	}
	// Once for the page cache.
	if err := once(&row{name: "warm up", shell: `fls -r -m / "$I"`}, deadbox, img, dir); err != nil {
		return err
	}
	for i := range runs {
		for _, r := range rows {
			if err := once(r, deadbox, img, dir); err != nil {
				return err
			}
		}
		fmt.Fprintf(os.Stderr, "run %d of %d done\n", i+1, runs)
	}

	fmt.Printf("%s, %d runs each, medians; %s/%s, %d CPUs, %s\n\n", filepath.Base(img), runs, runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), cpu())
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "seconds\tfastest\tslowest\tcpu\tpeak MB\ttimes faster\toutput MB\tcommand\t")
	for _, r := range rows {
		slices.Sort(r.times)
		slices.Sort(r.cpu)
		slices.Sort(r.rss)
		ratio := ""
		for _, o := range rows {
			if o.name == r.against {
				ratio = fmt.Sprintf("%.1f", median(o.times).Seconds()/median(r.times).Seconds())
			}
		}
		size := ""
		if r.out != "" {
			size = fmt.Sprintf("%.0f", float64(r.size)/1e6)
		}
		fmt.Fprintf(w, "%.2f\t%.2f\t%.2f\t%.2f\t%.0f\t%s\t%s\t  %s\t\n", median(r.times).Seconds(), r.times[0].Seconds(), r.times[len(r.times)-1].Seconds(),
			median(r.cpu).Seconds(), float64(median(r.rss))/1e6, ratio, size, r.name)
	}
	return w.Flush()
}

// median is of a sorted slice.
func median[T any](s []T) T { return s[len(s)/2] }

func once(r *row, deadbox, img, dir string) error {
	if r.cold {
		syscall.Sync()
		if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0); err != nil {
			return err
		}
	}
	out, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if r.out != "" {
		out, err = os.Create(filepath.Join(dir, r.out))
	}
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command("sh", "-c", r.shell)
	cmd.Env = append(os.Environ(), "D="+deadbox, "I="+img, "TZ=UTC", "LC_ALL=C")
	cmd.Stdout = out
	var complaints strings.Builder
	cmd.Stderr = &complaints
	begin := time.Now()
	err = cmd.Run()
	took := time.Since(begin)
	if err != nil {
		return fmt.Errorf("%s: %w: %s", r.name, err, complaints.String())
	}
	r.times = append(r.times, took)
	r.cpu = append(r.cpu, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
	// Of wait4: the largest of the shell and all that it waited for.
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		r.rss = append(r.rss, usage.Maxrss*1024)
	}
	if r.out != "" {
		if r.size, err = out.Seek(0, 1); err != nil {
			return err
		}
	}
	return nil
}

func cpu() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown CPU"
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if name, ok := strings.CutPrefix(s.Text(), "model name"); ok {
			return strings.TrimLeft(name, "\t :")
		}
	}
	return "unknown CPU"
}
