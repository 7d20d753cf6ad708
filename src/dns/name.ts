declare const domainNameBrand: unique symbol;

/**
 * An absolute domain name in canonical presentation form: lower case, ends with a dot, other octets than letters,
 * digits, `-`, `_`, `*` escaped as `\.`, `\\` or `\DDD`. Made only by the parsers here, so equal names are equal strings.
 */
export type DomainName = string & { readonly [domainNameBrand]: true };
