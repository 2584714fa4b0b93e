import Diagnostics
import JSON

extension Spec {
    /// `vm`: the machine that runs the container, runtime-spec, config-vm.md.
    ///
    /// The spec requires `kernel`; here it is optional, because a runtime that brings a kernel along needs none.
    package struct VM: Sendable, Equatable {
        /// The program that runs the machine.
        package var hypervisor: Hypervisor?
        /// The kernel to boot.
        package var kernel: Kernel?
        /// The image that holds the root file system of the machine.
        package var image: Image?
        /// The machine's hardware.
        package var hwConfig: HardwareConfiguration?

        init(_ reader: ObjectReader) throws(RuntimeError) {
            hypervisor = try reader.object("hypervisor", Hypervisor.init)
            kernel = try reader.object("kernel", Kernel.init)
            image = try reader.object("image", Image.init)
            // The spec's text and schema say hwConfig, its Go binding hwconfig: engines that use the binding write that.
            let key = reader.value["hwconfig"] == nil ? "hwConfig" : "hwconfig"
            hwConfig = try reader.object(key, HardwareConfiguration.init)
        }
    }
}

extension Spec.VM {
    /// `vm.hypervisor`.
    package struct Hypervisor: Sendable, Equatable {
        /// The program, an absolute path of the host; nil where the section is there and empty.
        package var path: String?
        /// What to pass to it.
        package var parameters: [String]

        init(_ reader: ObjectReader) throws(RuntimeError) {
            path = try reader.string("path")
            parameters = try reader.strings("parameters") ?? []
        }
    }

    /// `vm.kernel`.
    package struct Kernel: Sendable, Equatable {
        /// The kernel, an absolute path of the host; nil where the section is there and empty.
        package var path: String?
        /// Words for its command line.
        package var parameters: [String]
        /// An initial RAM disk, an absolute path of the host.
        package var initrd: String?

        init(_ reader: ObjectReader) throws(RuntimeError) {
            path = try reader.string("path")
            parameters = try reader.strings("parameters") ?? []
            initrd = try reader.string("initrd")
        }
    }

    /// `vm.image`.
    package struct Image: Sendable, Equatable {
        /// The image, an absolute path of the host; nil where the section is there and empty.
        package var path: String?
        /// The image's format; raw where it is unset.
        package var format: String

        init(_ reader: ObjectReader) throws(RuntimeError) {
            path = try reader.string("path")
            format = try reader.string("format") ?? "raw"
        }
    }

    /// `vm.hwConfig`.
    package struct HardwareConfiguration: Sendable, Equatable {
        /// A device tree to pass to the machine, a path of the host.
        package var deviceTree: String?
        /// The number of virtual CPUs.
        package var vcpus: UInt32?
        /// The most memory of the machine, in bytes.
        package var memory: UInt64?
        /// Nodes of the host's device tree to pass through.
        package var dtdevs: [String]
        /// Pages of hardware memory that the machine may use.
        package var iomems: [IOMemory]
        /// Physical interrupts that the machine may use.
        package var irqs: [UInt32]

        init(_ reader: ObjectReader) throws(RuntimeError) {
            deviceTree = try reader.string("deviceTree")
            vcpus = try reader.integer("vcpus")
            memory = try reader.integer("memory")
            dtdevs = try reader.strings("dtdevs") ?? []
            iomems = try reader.objects("iomems", IOMemory.init) ?? []
            irqs = try reader.integers("irqs") ?? []
        }
    }

    /// An entry of `vm.hwConfig.iomems`.
    package struct IOMemory: Sendable, Equatable {
        /// The guest's frame number; as on the host where it is unset.
        package var firstGFN: UInt64?
        /// The host's frame number.
        package var firstMFN: UInt64
        /// How many pages.
        package var nrMFNs: UInt64

        init(_ reader: ObjectReader) throws(RuntimeError) {
            firstGFN = try reader.integer("firstGFN")
            firstMFN = try reader.requiredInteger("firstMFN")
            nrMFNs = try reader.requiredInteger("nrMFNs")
        }
    }
}
