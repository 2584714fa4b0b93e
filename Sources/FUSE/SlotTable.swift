/// Values under numbers that are never given twice: the lower half is a place, the upper half how often it was used.
struct SlotTable<Element> {
    private var slots: [(generation: UInt32, element: Element?)] = []
    private var free: [UInt32] = []
    private let firstNumber: UInt64
    /// How many values there are.
    private(set) var count = 0

    /// - Parameter firstNumber: the lowest number that is given.
    init(firstNumber: UInt64) {
        self.firstNumber = firstNumber
    }

    /// The place behind a number, if there is anything.
    @inline(__always)
    private func place(_ number: UInt64) -> Int? {
        let low = number & 0xffff_ffff
        guard low >= firstNumber else { return nil }
        let place = Int(low &- firstNumber)
        guard place < slots.count, slots[place].generation == UInt32(truncatingIfNeeded: number >> 32) else {
            return nil
        }
        return place
    }

    subscript(number: UInt64) -> Element? {
        place(number).flatMap { slots[$0].element }
    }

    /// Adds what a body makes of its number.
    mutating func add(_ make: (UInt64) -> Element) -> Element {
        let place: Int
        if let last = free.popLast() {
            place = Int(last)
        } else {
            place = slots.count
            slots.append((0, nil))
        }
        let element = make(UInt64(slots[place].generation) << 32 | (UInt64(place) &+ firstNumber))
        slots[place].element = element
        count += 1
        return element
    }

    /// Takes a value out.
    mutating func remove(_ number: UInt64) -> Element? {
        guard let place = place(number), let element = slots[place].element else { return nil }
        slots[place].element = nil
        count -= 1
        // A place that has been used up is left alone.
        if slots[place].generation < .max {
            slots[place].generation += 1
            free.append(UInt32(place))
        }
        return element
    }
}
