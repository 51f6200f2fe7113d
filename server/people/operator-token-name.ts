/** What the records call whoever holds the operator token; no user has this name. */
export const operatorTokenName = 'operator token';
