/// Nearest spellings for error messages.
public enum Suggestion {
  /// Returns "did you mean 'x'?" for the candidate nearest to `word`, or nil when none is near.
  ///
  /// Near is a Damerau-Levenshtein distance of at most a third of the word's length, and at least one.
  public static func didYouMean(_ word: String, among candidates: some Sequence<String>) -> String? {
    closest(to: word, among: candidates).map { "did you mean '\($0)'?" }
  }

  /// Returns the candidate nearest to `word`; ties go to the first in alphabetical order.
  public static func closest(to word: String, among candidates: some Sequence<String>) -> String? {
    let limit = max(1, (word.count + 1) / 3)
    let lowered = Array(word.lowercased().unicodeScalars)
    var best: (name: String, distance: Int)?
    for candidate in candidates.sorted() {
      let distance = distance(lowered, Array(candidate.lowercased().unicodeScalars))
      if distance <= limit, distance < best?.distance ?? .max { best = (candidate, distance) }
    }
    return best?.name
  }

  /// Optimal string alignment: insertions, deletions, substitutions, swaps of neighbours.
  private static func distance(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar]) -> Int {
    if a.isEmpty || b.isEmpty { return max(a.count, b.count) }
    var before: [Int] = []
    var previous = Array(0...b.count)
    for i in 1...a.count {
      var current = [i]
      for j in 1...b.count {
        var cost = min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1))
        if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] { cost = min(cost, before[j - 2] + 1) }
        current.append(cost)
      }
      before = previous
      previous = current
    }
    return previous[b.count]
  }
}

extension String {
  /// "a tensor", "an observer": the word behind its article.
  package var withArticle: String { ("aeiou".contains(first ?? "x") ? "an " : "a ") + self }
}
