import Diagnostics
import OCI
import Plans

// Which devices may be made, read and written. runtime-spec, config-linux.md, "Allowed Device list".

/// The rules of a container, in their order: for each kind of access the last rule that is about the device decides.
///
/// What no rule is about is denied. In v2 an eBPF program decides, see `DeviceProgram`; in v1 the kernel keeps a default
/// and a list of exceptions from it.
struct DevicePolicy: Equatable {
    /// A rule and where it comes from.
    struct Rule: Equatable {
        var rule: Spec.Resources.DeviceRule
        var field: String
    }

    private(set) var rules: [Rule] = []

    /// Takes the spec's rules, and behind them the devices that every container has.
    init(_ specified: [Spec.Resources.DeviceRule]) throws(RuntimeError) {
        for (index, rule) in specified.enumerated() {
            let field = "linux.resources.devices[\(index)]"
            for number in [rule.major, rule.minor] {
                guard let number, !(0...0x7fff_ffff).contains(number) else { continue }
                throw RuntimeError(.invalidBundle, "\(field): \(number) is not a device number")
            }
            add(rule, field)
        }
        for rule in DevicePolicy.always { add(rule, "linux.resources.devices") }
    }

    private mutating func add(_ rule: Spec.Resources.DeviceRule, _ field: String) {
        // Nothing before a rule about everything matters any more.
        if rule.isAboutEverything { rules.removeAll() }
        rules.append(Rule(rule: rule, field: field))
    }

    /// What a container can use whatever its rules say: nodes of any device may be made, and the devices that the spec
    /// requires in every container may be used; runtime-spec, config-linux.md, "Default Devices".
    private static let always: [Spec.Resources.DeviceRule] = {
        let numbers: [(Int64, Int64?)] = [
            (1, 3), (1, 5), (1, 7), (1, 8), (1, 9),  // null, zero, full, random, urandom
            (5, 0), (5, 1), (5, 2), (136, nil),  // tty, console, ptmx, and the terminals of devpts
        ]
        return [
            Spec.Resources.DeviceRule(allow: true, type: .character, major: nil, minor: nil, access: .mknod),
            Spec.Resources.DeviceRule(allow: true, type: .block, major: nil, minor: nil, access: .mknod),
        ]
            + numbers.map {
                Spec.Resources.DeviceRule(allow: true, type: .character, major: $0.0, minor: $0.1, access: .all)
            }
    }()

    /// Whether everything is allowed, so that nothing need be enforced.
    var allowsEverything: Bool {
        guard let first = rules.first, first.rule.isAboutEverything else { return false }
        return rules.allSatisfy(\.rule.allow)
    }

    /// What is written for the v1 devices controller: the default for all devices, then the exceptions from it.
    func settingsV1() throws(RuntimeError) -> [CgroupSetting] {
        var list = DeviceExceptions()
        for rule in rules { try list.apply(rule) }
        let (whole, part) = list.allowsByDefault ? ("devices.allow", "devices.deny") : ("devices.deny", "devices.allow")
        let field = "linux.resources.devices"
        // Whatever was allowed by default needs no list of what is allowed besides.
        return [CgroupSetting(field, whole, "a")]
            + list.exceptions.map { CgroupSetting($0.field, part, $0.rule.textV1) }
    }
}

/// A default for all devices and exceptions from it: all that v1 can say;
/// Documentation/admin-guide/cgroup-v1/devices.rst.
private struct DeviceExceptions {
    var allowsByDefault = false
    var exceptions: [DevicePolicy.Rule] = []

    mutating func apply(_ next: DevicePolicy.Rule) throws(RuntimeError) {
        if next.rule.isAboutEverything {
            allowsByDefault = next.rule.allow
            exceptions.removeAll()
            return
        }
        // For the kernel "a" is always about everything; a rule about some of all devices is two rules.
        guard next.rule.type != .all else {
            for type in [Spec.Resources.DeviceRule.Kind.character, .block] {
                var part = next
                part.rule.type = type
                try apply(part)
            }
            return
        }
        if next.rule.allow == allowsByDefault {
            try takeBack(next)
        } else if let index = exceptions.firstIndex(where: { $0.rule.isAboutTheSameDevices(as: next.rule) }) {
            exceptions[index].rule.access.formUnion(next.rule.access)
        } else {
            exceptions.append(next)
        }
    }

    /// Ends exceptions for the devices of a rule that says what the default is.
    private mutating func takeBack(_ next: DevicePolicy.Rule) throws(RuntimeError) {
        for index in exceptions.indices {
            let exception = exceptions[index].rule
            guard exception.overlaps(next.rule), !exception.access.isDisjoint(with: next.rule.access) else { continue }
            guard next.rule.covers(exception) else {
                throw RuntimeError(
                    .unsupported,
                    "\(next.field): cgroup v1 cannot take \(next.rule.textV1) out of \(exceptions[index].field), "
                        + exception.textV1,
                    hint: "name the devices one by one, or use cgroup v2")
            }
            exceptions[index].rule.access.subtract(next.rule.access)
        }
        exceptions.removeAll { $0.rule.access.isEmpty }
    }
}

extension Spec.Resources.DeviceRule {
    /// Whether it is about every kind of access to every device.
    var isAboutEverything: Bool {
        type == .all && major == nil && minor == nil && access == .all
    }

    fileprivate func isAboutTheSameDevices(as other: Self) -> Bool {
        type == other.type && major == other.major && minor == other.minor
    }

    /// Whether some device is meant by both.
    fileprivate func overlaps(_ other: Self) -> Bool {
        type == other.type && (major == nil || other.major == nil || major == other.major)
            && (minor == nil || other.minor == nil || minor == other.minor)
    }

    /// Whether every device that the other means is meant by this.
    fileprivate func covers(_ other: Self) -> Bool {
        type == other.type && (major == nil || major == other.major) && (minor == nil || minor == other.minor)
    }

    /// As devices.allow takes it: "c 136:* rwm".
    fileprivate var textV1: String {
        var letters = ""
        if access.contains(.read) { letters += "r" }
        if access.contains(.write) { letters += "w" }
        if access.contains(.mknod) { letters += "m" }
        let numbers = [major, minor].map { $0.map { "\($0)" } ?? "*" }.joined(separator: ":")
        return "\(type.rawValue) \(numbers) \(letters)"
    }
}
