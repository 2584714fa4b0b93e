import Diagnostics
import Glibc
import Syscalls

/// The criu program and where it works: its images, and its log.
struct CriuProgram: ~Copyable {
    /// The program's path.
    let path: String
    /// The directory of the images.
    let imagePath: String
    /// The directory of the log and of criu's other files.
    let workPath: String
    /// The directory of the images, open.
    let images: OwnedDescriptor
    /// The directory of the log and of criu's other files, open.
    let work: OwnedDescriptor
    /// The log's path, for whoever is to read it.
    let logPath: String

    /// Finds the program and opens its directories.
    ///
    /// - Parameters:
    ///   - options: where the images and the log are.
    ///   - logFile: the log's name.
    ///   - makesImages: whether the images' directory is made where it is missing.
    ///   - session: which criu.
    init(
        _ options: CriuOptions, logFile: String, makesImages: Bool, in session: Session
    ) throws(RuntimeError) {
        let path = try session.criuPath()
        let imagePath = absolutePath(options.imagePath)
        let workPath = options.workPath.map(absolutePath) ?? imagePath
        let images = try openDirectory(imagePath, making: makesImages)
        let work = try openDirectory(workPath, making: options.workPath != nil)
        self.path = path
        self.imagePath = imagePath
        self.workPath = workPath
        self.images = images
        self.work = work
        logPath = "\(workPath)/\(logFile)"
    }

    /// What criu gets told of the directories; it takes them out of this process by their numbers.
    borrowing func write(into opts: inout CriuMessageWriter) {
        opts.integer(1, Int(images.number))
        opts.integer(17, Int(work.number))
    }

    /// Starts it beside this process, as a dump needs it.
    ///
    /// - Parameter errors: what takes its standard error, for what it says before it has a log.
    borrowing func start(errors: borrowing OwnedDescriptor) throws(RuntimeError) -> Criu {
        do {
            let pair = try PacketSocket.pair()
            let pid = try spawnProcess(
                path, arguments: ["criu", "swrk", "0"], environment: nil, input: pair.theirs.descriptor,
                output: errors, errors: errors)
            return Criu(pid: pid, channel: pair.takeOurs())
        } catch {
            throw RuntimeError(error).during("start criu")
        }
    }

    /// The error of a criu that has failed, with what it wrote last.
    borrowing func explain(_ error: RuntimeError, _ early: String = "") -> RuntimeError {
        var error = error
        let log = (try? readText(logPath, limit: 256 << 20)) ?? ""
        let lines = (log.isEmpty ? early : log).split(separator: "\n").filter { line in
            // By words: to look for a text in a text takes a library of a megabyte, which nothing else here needs.
            line.split(separator: " ").contains("Error")
        }
        let last = lines.suffix(3).map { $0.drop { $0 == " " } }.joined(separator: " | ")
        if !last.isEmpty { error.message += ": \(last)" }
        if !log.isEmpty { error.message += " (\(logPath))" }
        return error.hinting("\"criu check\" says whether criu works with this kernel")
    }
}

private func openDirectory(_ path: String, making makes: Bool) throws(RuntimeError) -> OwnedDescriptor {
    do {
        if makes { try makeDirectories(path, mode: 0o700) }
        return try OwnedDescriptor.open(path, [.directory])
    } catch {
        throw RuntimeError(error).during("open criu's directory")
    }
}

extension Session {
    /// Where criu is.
    func criuPath() throws(RuntimeError) -> String {
        let name = criu ?? "criu"
        let found =
            name.contains("/") ? (isExecutable(name) ? name : nil) : pathOfProgram(name)
        guard let found else {
            throw RuntimeError(
                .unsupported, criu == nil ? "there is no criu program in PATH" : "\(name) is no program: no criu",
                hint: "install it (Debian: apt-get install criu), or name it with --criu")
        }
        guard isPrivileged else {
            throw RuntimeError(.unsupported, "criu needs root", hint: "checkpoint and restore as root")
        }
        return found
    }
}
