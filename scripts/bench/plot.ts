// Draws groups of horizontal bars as an SVG picture, for docs/performance.md.

export type Bars = {
  readonly title: string;
  readonly bars: readonly { readonly label: string; readonly value: number }[];
};

const [width, labelWidth, rowHeight, groupGap] = [860, 400, 22, 34];

export function drawBars(title: string, groups: readonly Bars[]): string {
  const most = Math.max(...groups.flatMap((group) => group.bars.map(({ value }) => value)));
  const scale = (width - labelWidth - 80) / most;
  const parts: string[] = [];
  let y = 50;
  for (const group of groups) {
    parts.push(text(10, y, group.title, 'font-weight="bold"'));
    y += 10;
    for (const [i, { label, value }] of group.bars.entries()) {
      const color = i === 0 ? '#1f77b4' : i === 1 ? '#b0b0b0' : '#7fb3d9';
      parts.push(text(labelWidth - 8, y + 15, label, 'text-anchor="end"'));
      parts.push(
        `<rect x="${labelWidth}" y="${y + 3}" width="${(value * scale).toFixed(1)}" height="16" fill="${color}"/>`,
      );
      parts.push(text(labelWidth + value * scale + 6, y + 15, value.toFixed(1)));
      y += rowHeight;
    }
    y += groupGap;
  }
  const head = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y}" font-family="sans-serif" font-size="13">`;
  const background = `<rect width="${width}" height="${y}" fill="white"/>`;
  return `${[head, background, text(10, 24, title, 'font-size="16"'), ...parts, '</svg>'].join('\n')}\n`;
}

function text(x: number, y: number, content: string, attributes = ''): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x.toFixed(1)}" y="${y}" ${attributes}>${escaped}</text>`;
}
