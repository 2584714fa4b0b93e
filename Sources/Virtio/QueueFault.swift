/// What a guest did wrong with a queue, after which the queue stands still until the device is reset.
package enum QueueFault: Error, Equatable, Sendable {
    /// More buffers are offered than the queue has entries.
    case availableIndexJumped
    /// A descriptor has a number that the table does not have.
    case descriptorOutOfBounds(UInt16)
    /// A chain has more descriptors than it may have; one that goes in circles has no end.
    case chainTooLong
    /// A buffer lies outside of the guest's memory.
    case outOfMemory(address: UInt64, length: UInt32)
    /// A buffer to read from follows one to write to.
    case readableAfterWritable
    /// A table of indirect descriptors has no size, or not one of whole descriptors, or lies outside of memory.
    case badIndirectTable(address: UInt64, length: UInt32)
    /// A descriptor is indirect where it may not be: inside a table, along with a next one, or without the feature.
    case unexpectedIndirect
    /// A chain is not what the kind of device asks for.
    case malformedRequest
}
