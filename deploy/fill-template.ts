/** `${NAME}` becomes the value of that name, as compose has it; a name without a value is an error that says which. */
export function fillTemplate(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\$\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined || value === '') throw new Error(`there is no value for ${name}`);
    return value;
  });
}
