/// The path that leads from the root through these components.
///
/// `joined(separator:)` of parts of texts is a generic function that is not compiled for them: what it looks up when it is
/// called first takes longer than all other work on paths.
package func rootedPath(_ components: [String]) -> String {
    var path = ""
    for component in components {
        path += "/"
        path += component
    }
    return path.isEmpty ? "/" : path
}
