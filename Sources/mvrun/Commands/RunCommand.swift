import Diagnostics
import Glibc
import Images
import Options
import Runtime

/// `mvrun run CONTAINER`: makes a container, starts its program, waits for it, and deletes the container.
enum RunCommand {
    static func run(_ invocation: Invocation, _ session: Session) throws(RuntimeError) -> Int32 {
        var request = try CreateRequest(invocation)
        if let file = invocation.path(.recordSeccomp) {
            request.seccompInquiry = .record(file: file)
        } else if invocation.has(.explainSeccomp) {
            request.seccompInquiry = .explain
        }
        if let name = invocation.value(.image) { return try run(name, request, invocation, session) }
        return try session.run(
            request, detach: invocation.has(.detach), keep: invocation.has(.keep),
            adoptsOrphans: !invocation.has(.noSubreaper))
    }

    /// `mvrun run --image IMAGE [CONTAINER] [-- COMMAND...]`: the same with a bundle that is made for it and goes with it.
    private static func run(
        _ name: String, _ request: CreateRequest, _ invocation: Invocation, _ session: Session
    ) throws(RuntimeError) -> Int32 {
        for option in [OptionKey.bundle, .config] where invocation.value(option) != nil {
            throw RuntimeError(
                .usage, "--image and --\(OptionTable.name(of: option)) exclude each other",
                hint: "\"mvrun bundle\" makes a bundle of an image, to be changed and run")
        }
        var image = try ImageRequest(invocation, named: name)
        // As for a program that a shell starts; whoever detaches takes the terminal by --console-socket.
        image.terminal =
            invocation.has(.detach) || request.consoleSocket != nil
            ? request.consoleSocket != nil : isatty(0) == 1 && isatty(1) == 1
        var request = request
        if request.id.isEmpty { request.id = containerName(of: image.image) }
        return try session.run(
            image, request, detach: invocation.has(.detach), keep: invocation.has(.keep),
            adoptsOrphans: !invocation.has(.noSubreaper))
    }

    /// An id for a container that nobody has named: a word out of its image's name, and a number by chance.
    private static func containerName(of image: ImageReference) -> String {
        let place =
            switch image.place {
            case .layout(let path), .archive(let path), .elsewhere(let path): path
            }
        let word = place.split(separator: "/").last?.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
        let number = String(UInt32.random(in: 0...UInt32.max), radix: 36)
        return (word.map { $0.isEmpty ? "image" : String($0.prefix(40)) } ?? "image") + "-" + number
    }
}
