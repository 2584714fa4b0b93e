import Diagnostics
import OCI
import Plans
import Testing

@testable import Planning

/// Runs a device program as the kernel would, for the instructions that we use; Documentation/bpf, instruction-set.rst.
private struct Machine {
    enum Fault: Error { case instruction(UInt8), runsOff }

    let program: [UInt8]

    /// Whether the program allows a kind of access, 1 mknod, 2 read, 4 write, to a device, type 1 block or 2 character.
    func allows(type: UInt32, access: UInt32, major: UInt32, minor: UInt32) throws -> Bool {
        let context = [access << 16 | type, major, minor]
        var registers = [UInt32](repeating: 0xdead_beef, count: 11)
        var counter = 0
        while counter * 8 < program.count {
            let code = Array(program[counter * 8..<counter * 8 + 8])
            let destination = Int(code[1] & 15)
            let source = Int(code[1] >> 4)
            let offset = Int(Int16(bitPattern: UInt16(code[2]) | UInt16(code[3]) << 8))
            let value = (0..<4).reduce(UInt32(0)) { $0 | UInt32(code[4 + $1]) << (8 * UInt32($1)) }
            counter += 1
            switch code[0] {
            case 0x61: registers[destination] = context[offset / 4]
            case 0xbc: registers[destination] = registers[source]
            case 0xb4: registers[destination] = value
            case 0x54: registers[destination] &= value
            case 0x74: registers[destination] >>= value
            case 0x55: if registers[destination] != value { counter += offset }
            case 0x15: if registers[destination] == value { counter += offset }
            case 0x95: return registers[0] != 0
            default: throw Fault.instruction(code[0])
            }
        }
        throw Fault.runsOff
    }
}

private func machine(_ rules: String) throws -> Machine {
    let plan = try Host.plan("{\"devices\": \(rules)}", on: Host.v2)
    return Machine(program: try #require(plan.memberships[0].deviceProgram).instructions)
}

private func v1(_ rules: String) throws -> [String] {
    let settings = try Host.plan("{\"devices\": \(rules)}", on: Host.v1).memberships.flatMap(\.settings)
    return settings.map { "\($0.write.file)=\($0.write.value)" }
}

private let defaults = [
    "c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm", "c 5:1 rwm",
    "c 5:2 rwm", "c 136:* rwm",
].map { "devices.allow=" + $0 }

@Suite struct DevicesTests {
    @Test func anImpossibleDeviceNumberIsNamed() {
        #expect(
            Host.failure("{\"devices\": [{\"allow\": true, \"type\": \"c\", \"major\": 4294967296}]}", on: Host.v2)
                == "linux.resources.devices[0]: 4294967296 is not a device number")
    }

    @Test func v1CannotTakeOneDeviceOutOfMany() {
        let rules = """
            [{"allow": false}, {"allow": true, "type": "c", "major": 10, "access": "rw"},
             {"allow": false, "type": "c", "major": 10, "minor": 200, "access": "w"}]
            """
        #expect(
            Host.failure("{\"devices\": \(rules)}", on: Host.v1)
                == "linux.resources.devices[2]: cgroup v1 cannot take c 10:200 w out of linux.resources.devices[1], c 10:* rw"
        )
    }

    @Test func v1DeniesAllAndThenAllowsOneByOne() throws {
        #expect(try v1("[]") == ["devices.deny=a"] + defaults)
        let rules = """
            [{"allow": true}, {"allow": false}, {"allow": true, "type": "b", "major": 8, "minor": 0, "access": "r"},
             {"allow": true, "type": "b", "major": 8, "minor": 0, "access": "w"}]
            """
        #expect(try v1(rules) == ["devices.deny=a", "devices.allow=b 8:0 rw"] + defaults)
    }

    @Test func v1TakesBackWhatALaterRuleCovers() throws {
        let rules = """
            [{"allow": false}, {"allow": true, "type": "b", "major": 8, "minor": 1, "access": "rw"},
             {"allow": true, "type": "b", "major": 8, "minor": 2, "access": "r"},
             {"allow": false, "type": "b", "major": 8, "access": "r"}]
            """
        #expect(try v1(rules) == ["devices.deny=a", "devices.allow=b 8:1 w"] + defaults)
    }

    @Test func whereAllIsAllowedNothingElseIsWritten() throws {
        #expect(try v1("[{\"allow\": false}, {\"allow\": true}]") == ["devices.allow=a"])
        let plan = try Host.plan("{\"devices\": [{\"allow\": true}]}", on: Host.v2)
        #expect(plan.memberships[0].deviceProgram == nil)
        let rules = "[{\"allow\": true}, {\"allow\": false, \"type\": \"b\", \"access\": \"w\"}]"
        #expect(try v1(rules) == ["devices.allow=a", "devices.deny=b *:* w"])
    }

    @Test func theProgramAllowsTheDefaultDevicesAndDeniesOthers() throws {
        let machine = try machine("[{\"allow\": false}]")
        #expect(try machine.allows(type: 2, access: 6, major: 1, minor: 3))
        #expect(try machine.allows(type: 2, access: 2, major: 136, minor: 77))
        #expect(try machine.allows(type: 1, access: 1, major: 8, minor: 0))
        #expect(try !machine.allows(type: 1, access: 2, major: 8, minor: 0))
        #expect(try !machine.allows(type: 1, access: 2, major: 1, minor: 3))
        #expect(try !machine.allows(type: 2, access: 2, major: 1, minor: 1))
        #expect(try !machine.allows(type: 2, access: 3, major: 10, minor: 200))
    }

    @Test func forEachKindOfAccessTheLastRuleDecides() throws {
        let machine = try machine(
            """
            [{"allow": false}, {"allow": true, "type": "b", "major": 8, "access": "rw"},
             {"allow": false, "type": "b", "major": 8, "minor": 1, "access": "w"},
             {"allow": true, "type": "c", "major": 10, "minor": 200, "access": "r"},
             {"allow": true, "type": "c", "major": 10, "minor": 200, "access": "w"}]
            """)
        #expect(try machine.allows(type: 1, access: 6, major: 8, minor: 0))
        #expect(try machine.allows(type: 1, access: 2, major: 8, minor: 1))
        #expect(try !machine.allows(type: 1, access: 4, major: 8, minor: 1))
        #expect(try !machine.allows(type: 1, access: 6, major: 8, minor: 1))
        // Allowed by two rules together.
        #expect(try machine.allows(type: 2, access: 6, major: 10, minor: 200))
        #expect(try machine.allows(type: 2, access: 7, major: 10, minor: 200))
    }

    @Test func withoutARuleAboutEverythingTheRestIsDenied() throws {
        let machine = try machine(
            "[{\"allow\": true, \"type\": \"c\", \"major\": 10, \"minor\": 229, \"access\": \"rw\"}]")
        #expect(try machine.allows(type: 2, access: 6, major: 10, minor: 229))
        #expect(try !machine.allows(type: 2, access: 6, major: 10, minor: 200))
    }

    @Test func theProgramStartsByTakingItsContextApart() throws {
        let bytes = try machine("[{\"allow\": false}]").program
        #expect(
            Array(bytes.prefix(48)) == [
                0x61, 0x12, 0, 0, 0, 0, 0, 0,  // r2 = *(u32 *)(r1 + 0)
                0xbc, 0x23, 0, 0, 0, 0, 0, 0,  // w3 = w2
                0x54, 0x02, 0, 0, 0xff, 0xff, 0, 0,  // w2 &= 0xffff
                0x74, 0x03, 0, 0, 16, 0, 0, 0,  // w3 >>= 16
                0x61, 0x14, 4, 0, 0, 0, 0, 0,  // r4 = *(u32 *)(r1 + 4)
                0x61, 0x15, 8, 0, 0, 0, 0, 0,  // r5 = *(u32 *)(r1 + 8)
            ])
        #expect(Array(bytes.suffix(16)) == [0xb4, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0])
    }
}
