import Testing

@testable import OCI

@Suite struct FieldPlaceTests {
    @Test func everyFieldOfTheSpecHasAPlace() throws {
        for definition in try FieldCatalogue.specification() {
            #expect(FieldPlace.of(definition.pattern) != nil, "\(definition.pattern)")
        }
    }

    @Test func theLongestEntryDecides() {
        #expect(FieldPlace.of("linux.resources.memory.limit") == .both)
        #expect(FieldPlace.of("linux.resources.memory.swap") == .host)
        #expect(FieldPlace.of("hooks.startContainer[].path") == .guest)
        #expect(FieldPlace.of("hostnames") == nil)
    }
}
