# The one entry to everything that is done with this tree. `make help` lists it.

.DEFAULT_GOAL := build
.PHONY: help setup build debug test test-guests test-long soak density test-lab test-engines check format demo bench bench-vm bench-fuse kernel kernels doctor install clean need-swift

DESTDIR ?=
PREFIX ?= /usr/local
SWIFT ?= swift
# More options for mvrun-bench, as in: make bench BENCH='--quick --only exec'
BENCH ?=
# The tests of engines that drive the runtime.
engine_tests := ConformanceTests.(Podman|Docker|Containerd|CRI|Buildah|Networks|Image|HostileImage)
# Which tests run in the lab, as a regular expression.
LAB_TESTS ?= ConformanceTests.(CgroupV2|Guest)

# What the programs link against, what the tests run, the runtimes that `bench` measures against, and what the Swift
# toolchain itself needs of Debian.
packages := busybox-static crun dbus git iproute2 jq libcap-dev liblz4-dev liblzma-dev libmd-dev libnl-3-dev \
    libnl-route-3-dev libseccomp-dev libsystemd-dev libzstd-dev mmdebstrap pkg-config runc strace systemd uidmap zlib1g-dev \
    g++ libcurl4 libedit2 libncurses6 libsqlite3-0 libxml2

# The installed programs, of those that Package.swift has. The first kind is linked without any shared library, so that
# starting one costs no dynamic linking; libsystemd has no static archive, which is why its program is apart.
declared := $(shell tr -d '\n ' <Package.swift | grep -o 'program."[^"]*"' | cut -d '"' -f 2)
static_programs := $(filter mvrun mvrun-init mvrun-vmm,$(declared))
dynamic_programs := $(filter mvrun-systemd,$(declared))

import_check := --explicit-target-dependency-import-check error
small := -Xlinker --gc-sections
# Generic types are found through symbols, not by demangling names and searching the protocol conformances of the whole
# program: a fifth of the instructions of a start.
direct := -Xswiftc -Xfrontend -Xswiftc -disable-concrete-type-metadata-mangled-name-accessors
# Only the pages that a program touches cost memory and faults: what a start runs through stands together, in the order of
# Tests/Benchmarks/link-order.txt (Tests/Benchmarks/order-functions makes it).
ordered := -Xswiftc -Xfrontend -Xswiftc -function-sections -Xswiftc -use-ld=lld -Xlinker --no-warn-symbol-ordering \
    -Xlinker --symbol-ordering-file=$(CURDIR)/Tests/Benchmarks/link-order.txt \
    -Xlinker -T -Xlinker $(CURDIR)/Tests/Benchmarks/unnamed.ld
# What of Swift's runtime is left out: see Sources/CLinux/arguments.c.
lean := -Xcc -DMVRUN_STATIC_RUNTIME
static := -c release --static-swift-stdlib -Xswiftc -static-executable $(direct) $(small) $(ordered) $(lean)
# In a build folder of its own, for other flags in the same one would rebuild everything at each turn.
dynamic := -c release --scratch-path .build/dynamic --static-swift-stdlib $(small)

# What is installed is what is tested.
tested := MVRUN_RUNTIME=$(CURDIR)/build/bin/mvrun
bundle := build/demo

help: ## lists the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r target text; do \
	    printf '%-12s %s\n' "$$target" "$$text"; done

setup: need-swift ## installs the Debian packages that building and testing need
	@missing=''; for package in $(packages); do \
	    dpkg-query -W -f='$${Status}' "$$package" 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; \
	done; \
	if [ -z "$$missing" ]; then echo 'setup: every package is installed'; exit 0; fi; \
	if [ "$$(id -u)" != 0 ]; then \
	    echo "setup: these packages are missing, and only root can install them:$$missing" >&2; \
	    echo "  run as root: apt-get install --no-install-recommends$$missing" >&2; exit 1; fi; \
	echo "setup: installing$$missing"; \
	export DEBIAN_FRONTEND=noninteractive; \
	apt-get -q update && apt-get -q -y install --no-install-recommends $$missing

need-swift:
	@command -v $(SWIFT) >/dev/null || { \
	    echo 'make: no swift in PATH; Swift 6.3 for Debian 12 is at https://www.swift.org/install/linux' >&2; exit 1; }

build: need-swift ## makes the release programs in build/bin
	@mkdir -p build/bin
	@set -e; for program in $(static_programs); do \
	    echo "build: $$program"; \
	    for order in Tests/Benchmarks/link-order.txt Tests/Benchmarks/unnamed.ld; do \
	        [ ! "$$order" -nt ".build/release/$$program" ] || rm -f ".build/release/$$program"; \
	    done; \
	    $(SWIFT) build $(static) $(import_check) --product "$$program"; \
	    install -s -m 0755 ".build/release/$$program" build/bin/; \
	    ! ldd "build/bin/$$program" >/dev/null 2>&1 || { echo "build: $$program is not static" >&2; exit 1; }; \
	done
	@set -e; for program in $(dynamic_programs); do \
	    echo "build: $$program"; \
	    $(SWIFT) build $(dynamic) $(import_check) --product "$$program"; \
	    install -s -m 0755 ".build/dynamic/release/$$program" build/bin/; \
	done

debug: need-swift ## builds everything, tests too, without optimisation
	$(SWIFT) build --build-tests $(import_check)

test: lint build ## checks, builds, then runs every test against the release programs
	$(tested) $(SWIFT) test $(import_check)
	@$(MAKE) --no-print-directory test-guests

test-guests: build debug guest-kernel ## runs the tests of microVMs, in the lab where the host's KVM boots no kernel
	@if build/bin/mvrun-vmm --probe | grep -q '^kvm: hardware'; then lab=''; \
	else lab='Tests/Lab/lab -t 1800 --'; echo 'test: microVMs run in the machine of Tests/Lab'; fi; \
	$$lab env $(tested) .build/debug/mvrunPackageTests.xctest --testing-library swift-testing --no-parallel \
	    --filter 'ConformanceTests.GuestTests'

test-long: lint build ## the same with the tests that take minutes, and those of test-lab
	$(tested) MVRUN_LONG=1 $(SWIFT) test $(import_check) --skip ConformanceTests.SoakTests
	$(tested) MVRUN_LONG=1 $(SWIFT) test $(import_check) --filter ConformanceTests.SoakTests
	@$(MAKE) --no-print-directory test-lab

soak: build debug guest-kernel ## lets 2000 containers live and end, and 100 microVMs, in the lab where the host's KVM boots no kernel
	$(tested) MVRUN_LONG=1 .build/debug/mvrunPackageTests.xctest --testing-library swift-testing --filter ConformanceTests.Soak
	@if build/bin/mvrun-vmm --probe | grep -q '^kvm: hardware'; then lab=''; else lab='Tests/Lab/lab -t 3600 -m 3000 --'; fi; \
	$$lab env MVRUN_LONG=1 MVRUN_ISOLATION=vm $(tested) .build/debug/mvrunPackageTests.xctest \
	    --testing-library swift-testing --filter ConformanceTests.Soak

density: build ## measures what 500 idle containers cost, beside crun's and runc's
	Tests/Benchmarks/density

test-lab: build debug guest-kernel ## runs the tests that need full cgroup v2, KVM or systemd, in the machine of Tests/Lab
	Tests/Lab/lab -t 3600 -m 4000 -e $(tested) -- .build/debug/mvrunPackageTests.xctest --testing-library swift-testing \
	    --filter '$(LAB_TESTS)'
	Tests/Lab/lab -t 1800 -e $(tested) -- Tests/Lab/with-systemd .build/debug/mvrunPackageTests.xctest \
	    --testing-library swift-testing --filter ConformanceTests.Systemd

test-engines: build debug guest-kernel ## installs podman, docker, containerd and tools for images, and has them run containers here and in the lab, and microVMs there
	apt-get -q update && apt-get -q -y install --no-install-recommends apparmor buildah containerd containernetworking-plugins \
	    docker.io iptables netavark aardvark-dns podman python3-grpcio python3-protobuf skopeo umoci
	$(tested) MVRUN_LONG=1 .build/debug/mvrunPackageTests.xctest --testing-library swift-testing --no-parallel --filter '$(engine_tests)'
	Tests/Lab/lab -t 3600 -m 3000 -e $(tested) -- .build/debug/mvrunPackageTests.xctest \
	    --testing-library swift-testing --no-parallel --filter '$(engine_tests)'
	Tests/Lab/lab -t 5400 -m 3000 -e MVRUN_LONG=1 -e MVRUN_ISOLATION=vm -e $(tested) -- .build/debug/mvrunPackageTests.xctest \
	    --testing-library swift-testing --no-parallel --filter '$(engine_tests)'

.PHONY: lint
lint: need-swift
	$(SWIFT) format lint --strict --recursive Package.swift Sources Tests
	@for script in Rootfs/make-* .ci/run; do sh -n "$$script" || exit 1; done

check: lint ## format, layers, sizes, documentation and links, without the other tests
	$(SWIFT) test $(import_check) --filter RepositoryTests

format: need-swift ## formats the Swift sources in place
	$(SWIFT) format --in-place --recursive Package.swift Sources Tests

demo: setup build ## installs, builds, makes a bundle and runs it as a container and in a microVM
	@[ "$$(id -u)" = 0 ] || { echo 'demo: the container is made by root; run make demo as root' >&2; exit 1; }
	@echo 'demo: a bundle out of busybox, in $(bundle)'
	@Rootfs/make-bundle $(bundle) -- /bin/sh -c \
	    'echo "hello from $$(hostname), where I am process $$$$"; id; mount | grep " / "'
	@echo 'demo: mvrun run --bundle $(bundle) demo'
	@build/bin/mvrun run --bundle $(bundle) demo
	@echo 'demo: the container has ended with status 0 and is deleted'
	@$(MAKE) --no-print-directory demo-vm

# A distribution's kernel for guests, where there is none: the lab has one of its own, for itself.
.PHONY: demo-vm guest-kernel
guest-kernel:
	@for kernel in /boot/vmlinuz-*; do [ -d "/lib/modules/$${kernel#/boot/vmlinuz-}" ] && exit 0; done; \
	echo 'setup: installing linux-image-cloud-amd64, the kernel that guests boot'; \
	export DEBIAN_FRONTEND=noninteractive; \
	apt-get -q update && apt-get -q -y install --no-install-recommends linux-image-cloud-amd64

demo-vm: build guest-kernel ## runs the demo's bundle in a microVM, in the lab where the host's KVM boots no kernel
	@[ -d $(bundle) ] || Rootfs/make-bundle $(bundle) -- /bin/sh -c 'echo "hello from $$(hostname)"; uname -a'
	@if build/bin/mvrun-vmm --probe | grep -q '^kvm: hardware'; then lab=''; \
	else lab='Tests/Lab/lab -t 300 --'; \
	    echo 'demo: the KVM of this host boots no kernel; the microVM runs in the machine of Tests/Lab, which'; \
	    echo 'demo: emulates a processor (the first time it fetches 30 MB; then this takes some ten seconds)'; fi; \
	echo 'demo: mvrun run --isolation vm --bundle $(bundle) demo'; \
	$$lab build/bin/mvrun run --isolation vm --bundle $(bundle) demo
	@echo 'demo: the microVM has ended with status 0 and is deleted'

bench: build ## measures against crun and runc; fails above Tests/Benchmarks/Limits.json
	$(SWIFT) run mvrun-bench --limits Tests/Benchmarks/Limits.json $(BENCH)

bench-vm: build guest-kernel ## measures microVMs against QEMU's microvm and runc, by instructions, in the machine of Tests/Lab
	Tests/Benchmarks/Machines/bench-vm $(BENCH)

.PHONY: fuse-mount
fuse-mount: need-swift
	$(SWIFT) build $(static) --product fuse-mount

bench-fuse: fuse-mount ## measures the file server through /dev/fuse against libfuse's example (needs libfuse3-dev)
	Tests/Benchmarks/Files/bench-fuse $(BENCH)

kernel: ## builds a kernel without modules for guests, out of Debian's source package, in build/lib/mvrun/kernel
	Rootfs/make-kernel build/lib/mvrun/kernel

kernels: ## fetches Debian's kernels 6.1 and 6.12, cloud and generic, that make test-lab boots (300 MB)
	Tests/Lab/fetch-kernels

doctor: build ## says what this host can run, and what is missing
	build/bin/mvrun doctor

install: ## installs what build made, and completions, under DESTDIR and PREFIX
	install -d '$(DESTDIR)$(PREFIX)/bin' '$(DESTDIR)$(PREFIX)/libexec/mvrun'
	install -m 0755 build/bin/mvrun '$(DESTDIR)$(PREFIX)/bin/'
	@# Under this name every bundle gets a microVM: for engines, which register a runtime by its path.
	ln -sf mvrun '$(DESTDIR)$(PREFIX)/bin/mvrun-vm'
	@if [ -e build/lib/mvrun/kernel ]; then set -x; \
	    install -D -m 0644 build/lib/mvrun/kernel '$(DESTDIR)$(PREFIX)/lib/mvrun/kernel'; fi
	@# The others are started by mvrun alone, which finds them here.
	for program in $(filter-out mvrun,$(static_programs) $(dynamic_programs)); do \
	    install -m 0755 "build/bin/$$program" '$(DESTDIR)$(PREFIX)/libexec/mvrun/' || exit 1; done
	for completion in bash:bash-completion/completions/mvrun zsh:zsh/site-functions/_mvrun \
	    fish:fish/vendor_completions.d/mvrun.fish; do \
	    file='$(DESTDIR)$(PREFIX)/share/'"$${completion#*:}"; install -d "$${file%/*}"; \
	    build/bin/mvrun completion "$${completion%%:*}" >"$$file" && chmod 0644 "$$file" || exit 1; done

clean: ## removes everything that was built
	rm -rf build .build
