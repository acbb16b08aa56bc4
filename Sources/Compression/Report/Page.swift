/// The frame of the report: head, style, sections. No script, no file beside it, nothing from the network.
enum Page {
  static func html(title: String, _ body: String) -> String {
    """
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>\(Chart.escape(title))</title>
    <style>
    \(style)
    </style>
    </head>
    <body>
    <main>
    \(body)
    </main>
    </body>
    </html>

    """
  }

  static func section(_ title: String, note: String = "", _ body: String) -> String {
    body.isEmpty ? "" : """
      <section>
      <h2>\(Chart.escape(title))</h2>
      \(note.isEmpty ? "" : "<p class=\"note\">\(Chart.escape(note))</p>")
      \(body)
      </section>

      """
  }

  static func figure(_ title: String, _ picture: String, legend: [(String, String)] = []) -> String {
    guard !picture.isEmpty else { return "" }
    let keys = legend.map { "<span class=\"key\"><i class=\"\($0.0)\"></i>\(Chart.escape($0.1))</span>" }.joined()
    return "<figure><figcaption>\(Chart.escape(title))\(keys)</figcaption>\(picture)</figure>"
  }

  static func grid(_ figures: [String]) -> String {
    let there = figures.filter { !$0.isEmpty }
    return there.isEmpty ? "" : "<div class=\"grid\">\(there.joined(separator: "\n"))</div>"
  }

  /// - Parameter strong: the row that is set off, from 0; nil for none.
  static func table(_ header: [String], _ rows: [[String]], strong: Int? = nil) -> String {
    guard !rows.isEmpty else { return "" }
    let head = header.map { "<th>\(Chart.escape($0))</th>" }.joined()
    let body = rows.enumerated().map { index, row in
      "<tr\(index == strong ? " class=\"strong\"" : "")>" + row.map { "<td>\(Chart.escape($0))</td>" }.joined() + "</tr>"
    }.joined(separator: "\n")
    return "<div class=\"scroll\"><table><thead><tr>\(head)</tr></thead><tbody>\(body)</tbody></table></div>"
  }

  private static let style = """
    :root {
      --ground: #f6f5f1; --card: #fffefb; --ink: #1d2430; --soft: #667080; --line: #e2dfd6;
      --accent: #0b7a75; --accent-ink: #075e5a; --base: #cfd3d6; --second: #d9822b; --wrong: #c2413b;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --ground: #14181d; --card: #1c2229; --ink: #e6e9ec; --soft: #97a3b0; --line: #2e3740;
        --accent: #35b8ae; --accent-ink: #7fded6; --base: #47525d; --second: #f0a04b; --wrong: #ef6f67;
      }
    }
    * { box-sizing: border-box; }
    body { margin: 0; background: var(--ground); color: var(--ink);
      font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
    main { max-width: 1160px; margin: 0 auto; padding: 28px 20px 60px; }
    header { margin-bottom: 22px; }
    .brand { color: var(--accent-ink); font-weight: 650; letter-spacing: .08em; text-transform: uppercase; font-size: 12px; margin: 0; }
    h1 { font-size: 27px; line-height: 1.25; margin: 2px 0 8px; letter-spacing: -.01em; }
    h2 { font-size: 17px; margin: 0 0 10px; }
    h3 { font-size: 14px; margin: 16px 0 6px; }
    .recipe { margin: 0; padding: 0; list-style: none; display: flex; flex-wrap: wrap; gap: 6px; }
    .recipe li { font: 12.5px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; background: var(--card);
      border: 1px solid var(--line); border-radius: 6px; padding: 2px 8px; overflow-wrap: anywhere; }
    .note, .meta { color: var(--soft); margin: 0 0 10px; font-size: 13.5px; }
    .cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(138px, 1fr)); gap: 12px; margin-bottom: 20px; }
    .card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 14px 16px; }
    .card b { display: block; font-size: 27px; line-height: 1.2; font-weight: 650; letter-spacing: -.02em; color: var(--accent-ink);
      font-variant-numeric: tabular-nums; }
    .card.bad b { color: var(--wrong); }
    .card span { display: block; color: var(--soft); font-size: 13px; }
    section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 18px 20px; margin-bottom: 16px; }
    .grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 310px), 1fr)); gap: 18px 28px; align-items: start; }
    figure { margin: 0; min-width: 0; }
    figcaption { font-size: 13px; font-weight: 600; margin-bottom: 4px; overflow-wrap: anywhere; }
    .key { font-weight: 400; color: var(--soft); margin-left: 12px; white-space: nowrap; }
    .key i { display: inline-block; width: 10px; height: 10px; border-radius: 3px; margin-right: 5px; }
    i.accent { background: var(--accent); } i.base { background: var(--base); } i.second { background: var(--second); }
    svg { display: block; width: 100%; max-width: 520px; height: auto; overflow: visible; }
    svg text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: var(--ink); font-variant-numeric: tabular-nums; }
    svg text.tick { font-size: 11px; fill: var(--soft); }
    svg text.label { fill: var(--soft); }
    svg text.cell { font-size: 11px; } svg text.full { fill: var(--card); }
    svg .accent { fill: var(--accent); } svg .base { fill: var(--base); } svg .second { fill: var(--second); }
    svg .wrong { fill: var(--wrong); } svg .soft { fill-opacity: .6; }
    svg .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
    svg .line.accent { stroke: var(--accent); } svg .line.second { stroke: var(--second); } svg .line.base { stroke: var(--base); }
    svg .grid { stroke: var(--line); stroke-width: 1; }
    .scroll { overflow-x: auto; } .scroll + .grid { margin-top: 20px; }
    table { border-collapse: collapse; width: 100%; font-size: 13.5px; font-variant-numeric: tabular-nums; }
    th { text-align: right; font-weight: 600; color: var(--soft); border-bottom: 1px solid var(--line); padding: 4px 10px; white-space: nowrap; }
    td { text-align: right; padding: 4px 10px; border-bottom: 1px solid var(--line); white-space: nowrap; }
    th:first-child, td:first-child { text-align: left; padding-left: 0; }
    .prose td { text-align: left; white-space: normal; } .prose th { text-align: left; }
    tr:last-child td { border-bottom: 0; }
    tr.strong td { font-weight: 650; color: var(--accent-ink); }
    details { margin-top: 10px; } summary { cursor: pointer; font-size: 13.5px; font-weight: 600; }
    pre { font: 12.5px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; white-space: pre-wrap; overflow-wrap: anywhere; margin: 8px 0 0; }
    @media (max-width: 560px) {
      main { padding: 18px 12px 40px; } h1 { font-size: 22px; } section { padding: 14px; } .card b { font-size: 22px; }
      .cards { grid-template-columns: repeat(2, 1fr); gap: 8px; } .card { padding: 10px 12px; }
      .card:last-child:nth-child(odd) { grid-column: 1 / -1; }
    }
    @media print { body { background: none; } section, .card { break-inside: avoid; } }
    """
}
