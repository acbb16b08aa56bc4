#!/usr/bin/env python3
"""Draws what a terminal shows as SVG: tmux capture-pane -e -p -t NAME | scripts/terminal-picture.py > picture.svg

Each run of plain letters is stretched to its cells, and every other character has its own place, so that charts of Braille
dots and blocks stand in their columns whatever the font.
"""
import re, sys, unicodedata
from xml.sax.saxutils import escape

CELL, LINE, SIZE, MARGIN = 8.4, 18, 14, 22
BASIC = ["#2e3440", "#e06c60", "#7cb86b", "#d0a050", "#5b9bd5", "#b48ead", "#4fb3a5", "#e6e9ef"]
BACKGROUND, FOREGROUND, DIM = "#14171c", "#e6e9ef", "#8b93a1"

def palette(n):
    if n < 16: return BASIC[n % 8]
    if n >= 232: return "#%02x%02x%02x" % ((8 + 10 * (n - 232),) * 3)
    n -= 16
    return "#%02x%02x%02x" % tuple(0 if v == 0 else 55 + 40 * v for v in (n // 36, n // 6 % 6, n % 6))

def coloured(codes, style):
    codes = [int(c or 0) for c in codes.split(";")] if codes else [0]
    colour, bold, dim = style
    while codes:
        c = codes.pop(0)
        if c == 0: colour, bold, dim = None, False, False
        elif c == 1: bold = True
        elif c == 2: dim = True
        elif c == 22: bold = dim = False
        elif 30 <= c <= 37: colour = palette(c - 30)
        elif 90 <= c <= 97: colour = palette(c - 90)
        elif c == 39: colour = None
        elif c in (38, 48) and codes:
            kind = codes.pop(0)
            found = palette(codes.pop(0)) if kind == 5 else "#%02x%02x%02x" % tuple(codes.pop(0) for _ in range(3))
            if c == 38: colour = found
    return colour, bold, dim

def rows(text):
    style = (None, False, False)
    for line in text.rstrip("\n").split("\n"):
        cells = []
        for piece in re.split(r"(\x1b\[[0-9;]*m)", line):
            if piece.startswith("\x1b["): style = coloured(piece[2:-1], style)
            else:
                for character in piece:
                    cells.append((character, style))
                    if unicodedata.east_asian_width(character) in "WF": cells.append(("", style))
        yield cells

def main():
    lines = [row for row in rows(sys.stdin.read())]
    while lines and not any(c.strip() for c, _ in lines[-1]): lines.pop()
    width = max([len(row) for row in lines] + [80]) * CELL + 2 * MARGIN
    height = len(lines) * LINE + 2 * MARGIN
    print('<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="%d">' % (width, height, width, height, SIZE))
    print('<rect width="100%%" height="100%%" rx="8" fill="%s"/>' % BACKGROUND)
    for y, row in enumerate(lines):
        base = MARGIN + y * LINE + SIZE
        x = 0
        while x < len(row):
            character, style = row[x]
            end = x + 1
            if 33 <= ord(character or " ") < 127 or character == " ":
                while end < len(row) and row[end][1] == style and 32 <= ord(row[end][0] or "\x00") < 127: end += 1
            text = "".join(c for c, _ in row[x:end])
            if text.strip():
                colour, bold, dim = style
                fill = colour or (DIM if dim else FOREGROUND)
                place = MARGIN + x * CELL
                if len(text) == 1 and "\u2588" == text:
                    print('<rect x="%.1f" y="%.1f" width="%.1f" height="%d" fill="%s"/>' % (place, base - SIZE, CELL + 0.3, LINE - 2, fill))
                elif len(text) == 1 and 0x2800 <= ord(text) <= 0x28ff:
                    # The eight dots of a Braille cell, drawn: few fixed-width fonts have them.
                    for bit, (column, line) in enumerate([(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)]):
                        if ord(text) - 0x2800 >> bit & 1:
                            print('<circle cx="%.1f" cy="%.1f" r="1.3" fill="%s"/>' % (place + CELL * (0.27 + 0.48 * column), base - SIZE + 2.5 + line * LINE / 4, fill))
                else:
                    print('<text x="%.1f" y="%.1f" textLength="%.1f" lengthAdjust="spacingAndGlyphs" xml:space="preserve" fill="%s"%s>%s</text>' % (
                        place, base, (end - x) * CELL, fill, ' font-weight="bold"' if bold else "", escape(text)))
            x = end
    print("</svg>")

main()
