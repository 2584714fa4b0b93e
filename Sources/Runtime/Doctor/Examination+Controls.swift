import Cgroups
import Diagnostics
import GuestImage
import OCI
import Planning
import Plans
import Syscalls

extension Session {
    func examineCgroups() -> Examination {
        let layout: CgroupLayout
        do throws(RuntimeError) {
            layout = try CgroupLayout.current()
        } catch {
            return Examination(
                "cgroups", .failed, "\(error)",
                remedy: "mount -t cgroup2 cgroup2 /sys/fs/cgroup, or --cgroup-manager disabled")
        }
        let hierarchies = layout.hierarchies
        let kind =
            hierarchies.isEmpty
            ? "none" : layout.unified == nil ? "v1" : hierarchies.count == 1 ? "v2" : "hybrid of v1 and v2"
        let found = Set(hierarchies.flatMap(\.controllers))
        // Those that limits of everyday containers need; v2 freezes and filters devices without a controller.
        var wanted = ["cpu", "cpuset", "memory", "pids"]
        if layout.unified == nil { wanted += ["devices", "freezer"] }
        let absent = wanted.filter { !found.contains($0) }
        if hierarchies.isEmpty || !absent.isEmpty {
            return Examination(
                "cgroups", .missing, "\(kind), without \(absent.joined(separator: ", "))",
                remedy:
                    "containers run, but those limits are refused; boot with the controllers enabled, or have them delegated"
            )
        }
        let notWritable = hierarchies.filter { !isWritable($0.mountPoint) }
        guard notWritable.isEmpty else {
            return Examination(
                "cgroups", .missing, "\(kind), not writable at \(notWritable[0].mountPoint)",
                remedy: "have a part of it delegated to you (systemd-run --user --scope -p Delegate=yes)")
        }
        return Examination("cgroups", .ok, "\(kind): \(found.sorted().joined(separator: ", "))")
    }

    func examineSystemd() -> Examination {
        guard exists("/run/systemd/system") else {
            return Examination(
                "systemd", .missing, "not the init of this host",
                remedy: "needed for --systemd-cgroup alone; leave that out")
        }
        return Examination("systemd", .ok, "scopes can be asked for")
    }

    func examineSeccomp() -> Examination {
        let features = SeccompFeatures()
        guard !features.actions.isEmpty else {
            return Examination(
                "seccomp", .missing, "the kernel has no seccomp filters", remedy: "a kernel with CONFIG_SECCOMP_FILTER")
        }
        return Examination(
            "seccomp", .ok,
            "libseccomp \(features.libseccompVersion), \(features.actions.count) of \(Spec.Seccomp.Action.names.count) actions"
        )
    }

    func examineSecurityModules() -> Examination {
        var found: [String] = []
        if (try? readText("/sys/module/apparmor/parameters/enabled"))?.hasPrefix("Y") == true {
            found.append("AppArmor")
        }
        if exists("/sys/fs/selinux/enforce") { found.append("SELinux") }
        guard !found.isEmpty else {
            return Examination(
                "security modules", .missing, "neither AppArmor nor SELinux is active",
                remedy: "process.apparmorProfile and process.selinuxLabel are refused here")
        }
        return Examination("security modules", .ok, found.joined(separator: " and "))
    }

    func examineResctrl() -> Examination {
        guard exists("/sys/fs/resctrl/schemata") else {
            return Examination(
                "resctrl", .missing, "not mounted, or the processor has none",
                remedy: "needed for linux.intelRdt alone: mount -t resctrl resctrl /sys/fs/resctrl")
        }
        return Examination("resctrl", .ok, "/sys/fs/resctrl")
    }

    func examineKVM() -> Examination {
        guard exists("/dev/kvm") else {
            return Examination(
                "KVM", .missing, "no /dev/kvm", remedy: "needed for microVMs alone: load kvm_amd or kvm_intel")
        }
        guard isWritable("/dev/kvm") else {
            return Examination(
                "KVM", .missing, "/dev/kvm is not yours to open",
                remedy: "needed for microVMs alone: join the group kvm")
        }
        do throws(RuntimeError) {
            let support = try probeMachine()
            guard let fault = support.fault else {
                return Examination("KVM", .ok, support.detail.isEmpty ? "/dev/kvm" : support.detail)
            }
            return Examination(
                "KVM", .missing, fault.description,
                remedy: "needed for microVMs alone: " + (fault.hint ?? "another host"))
        } catch {
            return Examination("KVM", .missing, "\(error)", remedy: error.hint)
        }
    }

    /// The fence around the files of a machine's monitor, which stands without it as well: docs/security.md.
    func examineLandlock() -> Examination {
        let remedy = "microVMs run without it, with one barrier fewer (docs/security.md)"
        guard let version = (try? probeMachine())?.landlockVersion else {
            return Examination("landlock", .missing, "not asked for, without /dev/kvm", remedy: remedy)
        }
        switch version {
        case 0:
            return Examination(
                "landlock", .missing, "not in this kernel, or not among its security modules (lsm=)", remedy: remedy)
        case 1:
            return Examination(
                "landlock", .missing, "ABI 1 forbids renames between directories and is not used", remedy: remedy)
        default: return Examination("landlock", .ok, "ABI \(version), around the monitors of microVMs")
        }
    }

    func examineGuestKernel() -> Examination {
        do throws(RuntimeError) {
            return Examination("guest kernel", .ok, try kernelChoice(machineDefaults()?.kernel?.path).explanation)
        } catch {
            return Examination(
                "guest kernel", .missing, "\(error)", remedy: error.hint ?? "needed for microVMs alone: --kernel FILE")
        }
    }

    /// What ties a link of the host's to a virtual machine, docs/network.md.
    func examineGuestNetwork() -> Examination {
        let purpose = "needed for links of microVMs alone"
        guard exists("/dev/net/tun") else {
            return Examination("guest network", .missing, "no /dev/net/tun", remedy: "\(purpose): modprobe tun")
        }
        guard isWritable("/dev/net/tun") else {
            return Examination(
                "guest network", .missing, "/dev/net/tun is not yours to open",
                remedy: "\(purpose): chmod 666 /dev/net/tun")
        }
        let listings = ["modules.builtin", "modules.dep"].compactMap {
            try? readText("/lib/modules/\(kernelRelease)/\($0)")
        }
        // Without the listings nobody knows what the kernel can load, and the first machine with a link will tell.
        guard !listings.isEmpty else { return Examination("guest network", .ok, "/dev/net/tun") }
        let absent = ["sch_ingress", "cls_u32", "act_mirred"].filter { module in
            !listings.contains { $0.contains("/\(module).ko") }
        }
        guard absent.isEmpty else {
            return Examination(
                "guest network", .missing, "the kernel has no \(absent.joined(separator: ", "))",
                remedy: "\(purpose): a kernel with CONFIG_NET_SCH_INGRESS, CONFIG_NET_CLS_U32 and CONFIG_NET_ACT_MIRRED"
            )
        }
        return Examination("guest network", .ok, "/dev/net/tun and tc")
    }
}
