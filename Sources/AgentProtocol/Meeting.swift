/// Where host and guest meet over vsock(7): the guest connects out, so that nobody polls.
package enum Meeting {
    /// The host's context id, VMADDR_CID_HOST.
    package static let hostContextID: UInt32 = 2
    /// The port that takes the one control stream.
    package static let controlPort: UInt32 = 1024
    /// The port that takes a stream for each standard stream of each process, which begins with a `StreamHeader`.
    package static let streamPort: UInt32 = 1025
    /// The port that takes one stream of `NameMessages`: questions for the resolver of the host's network namespace, and its answers.
    package static let namePort: UInt32 = 1026
    /// The version of the frames; both ends are built together, so it only tells a stale initramfs from a fresh one.
    package static let version: UInt32 = 1
    /// The id of the workload's first process; programs that join it have others.
    package static let workload: UInt32 = 0
    /// How long the agent may take to say hello: on a host under load, or where several machines start at once on few
    /// processors, many times the usual.
    package static let helloMilliseconds = 180_000
}
