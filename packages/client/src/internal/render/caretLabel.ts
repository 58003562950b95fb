// What a caret says, by SQLSTATE: short, because the server's sentence stands above.
const labels: Readonly<Record<string, string>> = {
  "22007": "this value does not fit",
  "22008": "this value does not fit",
  "22P02": "this value does not fit",
  "3F000": "this schema does not exist",
  "42501": "this is not permitted",
  "42601": "the server did not understand the text from here",
  "42701": "this column occurs twice",
  "42702": "this column could be more than one",
  "42703": "this column does not exist",
  "42704": "this does not exist",
  "42725": "this function could be more than one",
  "42803": "this column is not grouped",
  "42804": "the type of this does not fit",
  "42883": "this function does not exist for these types",
  "42P01": "this table does not exist",
  "42P02": "this parameter does not exist",
  "42P08": "the type of this parameter cannot be told",
  "42P18": "the type of this cannot be told",
  "55P03": "this is locked"
}

export const caretLabel = (sqlState: string): string =>
  (Object.hasOwn(labels, sqlState) ? labels[sqlState] : undefined) ?? "here"
