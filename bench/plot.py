"""A line plot as SVG, without any library: logarithmic x, y from zero, a whisker from the lowest to the highest at each point. Light and dark."""
import math

WIDTH, HEIGHT = 760, 380
LEFT, RIGHT, TOP, BOTTOM = 74, 124, 56, 62
STYLE = """
  .paper { fill: #fcfcfb } .ink { fill: #0b0b0b } .muted { fill: #52514e } .grid { stroke: #e1e0d9 } .axis { stroke: #8a8983 }
  .line0 { stroke: #2a78d6 } .dot0 { fill: #2a78d6 } .line1 { stroke: #c9531f } .dot1 { fill: #c9531f } .ring, .value { stroke: #fcfcfb }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #1a1a19 } .ink { fill: #ffffff } .muted { fill: #c3c2b7 } .grid { stroke: #33332f } .axis { stroke: #8a8983 }
    .line0 { stroke: #5598e7 } .dot0 { fill: #5598e7 } .line1 { stroke: #eb8a5c } .dot1 { fill: #eb8a5c } .ring, .value { stroke: #1a1a19 }
  }
  text { font: 13px system-ui, "DejaVu Sans", sans-serif } .title { font-size: 16px; font-weight: 600 } 
  .value { font-size: 12px; paint-order: stroke; stroke-width: 4; stroke-linejoin: round }
  path { fill: none; stroke-width: 2; stroke-linejoin: round } line { stroke-width: 1 }"""


def step_of(highest):
    """A round distance between the lines of the grid: four to eight of them."""
    power = 10 ** math.floor(math.log10(highest / 4))
    return next(power * m for m in (1, 2, 2.5, 5, 10) if highest / (power * m) <= 6)


def plain(value):
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def svg(title, x_label, y_label, lines):
    """lines: [(name, [(x, median, lowest, highest)])], with the same x in each."""
    xs = [point[0] for point in lines[0][1]]
    highest = max(point[3] for _, points in lines for point in points)
    step = step_of(highest * 1.08)
    top = math.ceil(highest * 1.08 / step) * step
    span = math.log(xs[-1] / xs[0])

    def across(x):
        return LEFT + 14 + (WIDTH - LEFT - RIGHT - 28) * math.log(x / xs[0]) / span

    def up(y):
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * y / top

    made = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}: {y_label} by {x_label}">',
            f"<style>{STYLE}\n</style>", f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}" rx="6"/>',
            f'<text class="ink title" x="{LEFT}" y="26">{title}</text>', f'<text class="muted" x="{LEFT}" y="45">{y_label}; whiskers: lowest and highest round</text>']
    for i in range(round(top / step) + 1):
        y = up(i * step)
        made.append(f'<line class="{"grid" if i else "axis"}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        made.append(f'<text class="muted" x="{LEFT - 8}" y="{y + 4.5:.1f}" text-anchor="end">{plain(i * step)}</text>')
    for x in xs:
        made.append(f'<line class="axis" x1="{across(x):.1f}" x2="{across(x):.1f}" y1="{up(0):.1f}" y2="{up(0) + 5:.1f}"/>')
        made.append(f'<text class="muted" x="{across(x):.1f}" y="{up(0) + 21:.1f}" text-anchor="middle">{x:,}</text>')
    made.append(f'<text class="ink" x="{(LEFT + WIDTH - RIGHT) / 2:.1f}" y="{HEIGHT - 14}" text-anchor="middle">{x_label}'
                f'{" (logarithmic)" if span > math.log(20) else ""}</text>')
    for i, (_, points) in enumerate(lines):
        for x, _, low, high in points:
            made.append(f'<line class="line{i}" x1="{across(x):.1f}" x2="{across(x):.1f}" y1="{up(low):.1f}" y2="{up(high):.1f}"/>')
        made.append(f'<path class="line{i}" d="M' + " L".join(f"{across(x):.1f} {up(y):.1f}" for x, y, _, _ in points) + '"/>')
        made += [f'<circle class="dot{i} ring" stroke-width="2" cx="{across(x):.1f}" cy="{up(y):.1f}" r="5"/>' for x, y, _, _ in points]
    # Figures last, so that no line crosses them: those of the upper line above it, those of the lower one below.
    for name, points in lines:
        above = points[-1][1] >= max(other[-1][1] for _, other in lines)
        for x, y, low, high in points:
            at = up(high) - 10 if above or up(low) + 22 > up(0) else up(low) + 19  # not on the axis
            made.append(f'<text class="ink value" x="{across(x):.1f}" y="{at:.1f}" text-anchor="middle">{plain(y)}</text>')
        if len(lines) > 1:
            made.append(f'<text class="ink" x="{WIDTH - RIGHT + 10}" y="{up(points[-1][1]) + 4:.1f}">{name}</text>')
    return "\n".join(made + ["</svg>"]) + "\n"
