/** The version of heed that writes a file. */
export const heedVersion = '0.1.0';
