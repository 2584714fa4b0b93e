import Diagnostics
import Syscalls

extension Stage {
    /// Opens a pseudoterminal of the container's own devpts, gives its main side to the launcher, and takes the other side
    /// as controlling terminal and standard streams.
    ///
    /// - Parameters:
    ///   - rows: the height; 0 leaves what the kernel gives.
    ///   - columns: the width; 0 leaves what the kernel gives.
    ///   - bindConsole: whether /dev/console becomes the terminal too.
    func openTerminal(rows: UInt16, columns: UInt16, bindConsole: Bool) throws {
        let main = try openMultiplexer()
        let peer = try PseudoTerminal.openPeer(of: main)
        if rows != 0 || columns != 0 { try PseudoTerminal.setSize(of: main, rows: rows, columns: columns) }
        try channel.send(StageMessage.terminal.packet, with: main)
        if bindConsole {
            let tree = try Mounting.cloneTree(of: peer, recursive: false, subject: "the terminal")
            let console = try openDestination("/dev/console", creating: .file)
            try Mounting.attach(tree, to: console, subject: "/dev/console")
        }
        try PseudoTerminal.makeControlling(peer)
        for stream: Int32 in 0...2 { try peer.becomeStandardStream(stream) }
    }

    private func openMultiplexer() throws(RuntimeError) -> OwnedDescriptor {
        do {
            return try OwnedDescriptor.open(
                at: try openRoot().file, "/dev/pts/ptmx", [.readWrite], resolve: [.inRoot, .noMagicLinks])
        } catch let error where error.errno == .noEntry {
            throw RuntimeError(
                .invalidBundle, "process.terminal needs a devpts at /dev/pts",
                hint: "add {\"destination\": \"/dev/pts\", \"type\": \"devpts\", \"source\": \"devpts\"} to mounts")
        } catch {
            throw RuntimeError(error)
        }
    }
}
