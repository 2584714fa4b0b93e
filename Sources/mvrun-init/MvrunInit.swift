import AgentServer
import Diagnostics
import Sandbox
import Syscalls

/// The second stage of every sandbox: the inside, on its way to the program.
///
/// As the first process of a guest it is the agent, and run by a guest's kernel it loads modules.
///
/// mvrun starts it in the sandbox's namespaces, and hands over descriptors whose numbers stand in the one argument; the
/// first of them is the channel. It is of no use when started by hand.
@main
struct MvrunInit {
    static func main() {
        let arguments = programArguments
        // The kernel may pass on words of its command line; a sandbox's first process has exactly one, of numbers.
        guard arguments.count == 2, let descriptors = numbers(arguments[1]) else {
            if currentProcess() == 1 { GuestMain.run() }
            if let request = LateModules.request(of: arguments) { GuestMain.loadModules(for: request) }
            let note = "mvrun-init is started by mvrun; it does nothing by itself\n"
            let standardError = OwnedDescriptor(owning: 2)
            try? standardError.writeAll(Array(note.utf8), subject: "stderr")
            exitNow(64)
        }
        do {
            let stage = try Stage(descriptors: descriptors)
            let failure = stage.run()
            stage.report(failure)
            exitNow(125)
        } catch {
            // The channel itself is broken: the launcher sees it close.
            exitNow(125)
        }
    }

    /// Reads "7,0,9"; 0 stands for a descriptor that this sandbox does without.
    private static func numbers(_ text: String) -> [Int32]? {
        var result: [Int32] = []
        for part in text.split(separator: ",") {
            guard let number = Int32(part), number > 2 || number == 0 else { return nil }
            result.append(number)
        }
        return result.isEmpty ? nil : result
    }
}
