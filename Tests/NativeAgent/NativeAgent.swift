import AgentServer
import Diagnostics
import Sandbox
import Syscalls

/// The agent without a guest: connects to the sockets `control` and `streams` of the directory that the one argument names.
///
/// With a list of numbers it is the stage, as mvrun-init is.
@main
struct NativeAgent {
    static func main() {
        let arguments = CommandLine.arguments
        let numbers = arguments.last?.split(separator: ",").compactMap { Int32($0) } ?? []
        if arguments.count == 2, numbers.count > 1 {
            if let stage = try? Stage(descriptors: numbers) { stage.report(stage.run()) }
            exitNow(125)
        }
        guard arguments.count == 2 else { exitNow(64) }
        let directory = arguments[1]
        let surroundings = AgentServer.Surroundings(
            openInitProgram: { () throws(RuntimeError) in try InitProgram.open("/proc/self/exe") },
            connectStream: { _ throws(SystemError) in try UnixSocket.connect(to: directory + "/streams", .stream) },
            mountShares: { _ in })
        do {
            let connection = try UnixSocket.connect(to: directory + "/control", .stream)
            try AgentServer(connection, surroundings: surroundings).run()
            exitNow(0)
        } catch {
            exitNow(1)
        }
    }
}
