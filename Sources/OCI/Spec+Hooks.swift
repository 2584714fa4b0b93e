import Diagnostics

extension Spec {
    /// `hooks`: programs to run at points of the container's life, in the listed order; runtime-spec, config.md.
    package struct Hooks: Sendable, Equatable {
        /// The points of a container's life at which hooks run.
        package enum Point: String, SpecificationName {
            /// Deprecated; like `createRuntime`, and before it.
            case prestart
            /// In `create`, in the runtime's namespaces, once the container's exist and before the root is entered.
            case createRuntime
            /// In `create`, in the container's namespaces, before the root is entered.
            case createContainer
            /// In `start`, in the container, before the program is executed.
            case startContainer
            /// After `start`, in the runtime's namespaces.
            case poststart
            /// After `delete`, in the runtime's namespaces.
            case poststop

            /// What an error calls one of these.
            package static let noun = "a hook"
        }

        private var lists: [[Hook]]

        /// No hooks.
        package init() {
            lists = Point.allCases.map { _ in [] }
        }

        init(_ reader: ObjectReader) throws(RuntimeError) {
            lists = []
            for point in Point.allCases { lists.append(try reader.objects(point.rawValue, Hook.init) ?? []) }
        }

        /// The hooks of a point.
        package subscript(_ point: Point) -> [Hook] {
            get { lists[point.index] }
            set { lists[point.index] = newValue }
        }

        /// Whether no point has a hook.
        package var isEmpty: Bool {
            lists.allSatisfy { $0.isEmpty }
        }
    }

    /// One hook.
    package struct Hook: Sendable, Equatable {
        /// The program, an absolute path.
        package var path: String
        /// Its argument vector, the program's name first; empty to pass the path alone.
        package var args: [String]
        /// Its environment; nothing else is passed.
        package var env: [String]
        /// After how many seconds it is killed.
        package var timeout: Int?

        init(_ reader: ObjectReader) throws(RuntimeError) {
            path = try reader.requiredString("path")
            args = try reader.strings("args") ?? []
            env = try reader.strings("env") ?? []
            timeout = try reader.integer("timeout")
        }
    }
}

extension Spec.Hooks.Point {
    fileprivate var index: Int {
        switch self {
        case .prestart: 0
        case .createRuntime: 1
        case .createContainer: 2
        case .startContainer: 3
        case .poststart: 4
        case .poststop: 5
        }
    }
}
