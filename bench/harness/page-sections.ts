const MARKERS = /(<!-- generated: ([a-z-]+) -->\n)[\s\S]*?(<!-- end of \2 -->)/g;

/**
 * Puts each section between its markers, `<!-- generated: NAME -->` and `<!-- end of NAME -->`.
 * @throws Error when the page lacks one of them, or has one that nobody fills.
 */
export function fillSections(page: string, sections: Readonly<Record<string, string>>): string {
  const filled = new Set<string>();
  const result = page.replace(MARKERS, (_, begin: string, name: string, end: string) => {
    const text = sections[name];
    if (text === undefined) throw new Error(`the page has a section "${name}" that nothing is made for`);
    filled.add(name);
    return `${begin}\n${text.trim()}\n\n${end}`;
  });
  const left = Object.keys(sections).find((name) => !filled.has(name));
  if (left !== undefined) throw new Error(`the page has no section "${left}"`);
  return result;
}
