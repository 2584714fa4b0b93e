package import CNI
package import Diagnostics

/// What is asked of a container in the making.
package struct CreateRequest: Sendable {
    /// The id.
    package var id: String
    /// The bundle.
    package var bundle = "."
    /// Another file than the bundle's config.json.
    package var config: String?
    /// The socket that receives the terminal's main side.
    package var consoleSocket: String?
    /// The file that receives the pid.
    package var pidFile: String?
    /// The socket that receives a pidfd.
    package var pidfdSocket: String?
    /// How many descriptors the program inherits, from 3 on.
    package var preservedDescriptors = 0
    /// Enter the root without pivot_root(2).
    package var noPivot = false
    /// Keep the caller's session keyring.
    package var noNewKeyring = false
    /// Take limits that this host cannot grant down to those it can.
    package var clampsLimits = false
    /// The isolation that was asked for on the command line.
    package var isolation: IsolationChoice?
    /// The kernel of a virtual machine.
    package var kernel: String?
    /// Let programs of the host and of the virtual machine connect to each other.
    package var offersVsock = false
    /// The networks in place of the bundle's; empty for the bundle's.
    package var networks: [NetworkChoice] = []
    /// Ports of the host's that lead to the container.
    package var ports: [PortMapping] = []
    /// The place of a container of an image, which goes with it; it is the bundle too.
    var imageRun: String?
    /// What is to be learnt about the program's system calls.
    package var seccompInquiry: SeccompInquiryRequest?

    /// Asks for a container of the bundle in the working directory.
    package init(id: String) {
        self.id = id
    }
}

extension Session {
    /// Makes a container, up to the point where its program can be started; all of it or nothing.
    package func create(_ request: CreateRequest) throws(RuntimeError) {
        let making = try ContainerMaking(request, in: self, startsLater: true, detached: true, isForeground: false)
        try making.launch()
        try making.proceed()
        log.info("created \(request.id)")
    }
}
