import Support

/// What `pare plugin new` writes: a plugin of each kind that builds, runs, and says what to change.
public enum PluginSkeleton {
  /// The languages that a skeleton can be written in.
  public enum Language: String, CaseIterable, Sendable {
    case swift
    case lua
  }

  /// The kinds that can be written in a language.
  public static func kinds(_ language: Language) -> [ExtensionKind] {
    ExtensionKind.allCases.filter { template($0, language) != nil }
  }

  /// Returns the source of a plugin.
  ///
  /// - Parameter name: of the entry: lower case, words joined by `_`.
  /// - Throws: `argument` for a name that is none; `unsupported` for a kind that the language has no constructor for.
  public static func source(_ kind: ExtensionKind, name: String, _ language: Language) throws -> String {
    _ = try Entry(name: name, summary: "").verified()
    guard let template = template(kind, language) else {
      throw PareError(
        .unsupported, "\(kind.rawValue.withArticle) is not written in \(language == .lua ? "Lua" : "Swift")", argument: "kind",
        suggestion: language == .lua ? "leave out --lua: Swift has all kinds" : nil)
    }
    return template.replacing("TYPE", with: type(name)).replacing("NAME", with: name)
  }

  /// `grad_sign` as `GradSign`.
  static func type(_ name: String) -> String {
    let words = name.split(separator: "_").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    return words.first.map { $0.isLetter } == true ? words : "Own" + words
  }

  private static func template(_ kind: ExtensionKind, _ language: Language) -> String? {
    switch language {
    case .swift: swift[kind]
    case .lua: lua[kind]
    }
  }
}
