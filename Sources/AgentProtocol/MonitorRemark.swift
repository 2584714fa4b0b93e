/// What a machine's monitor says behind the log of the guest's kernel, in the file of its console.
///
/// The guest can write such a line itself: it is to be believed as far as the guest is.
package enum MonitorRemark {
    /// The program ended, and the guest's kernel has killed a process for lack of memory.
    package static let outOfMemory = "mvrun-vmm: the guest's kernel has killed a process for lack of memory"
}
