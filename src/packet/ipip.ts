/**
 * IP in IP (RFC 2003; RFC 2473 for IPv6 outside): a tunnel without a header of its own. An IP header right around another one
 * is all there is of it, so it is no layer; what recognizes it is in `headers.ts`.
 */

/** What a tunnel of IP in IP is called. */
export const IP_IN_IP = 'ipip'
