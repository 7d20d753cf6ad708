/**
 * Reload commands by the name of the service. Measured on Debian 12 and 13 by replacing the files and looking at the
 * next handshakes: before the command each server presented the old certificate (Postfix a mixture), after it the new
 * one. Services that a reload does not bring to read their certificate again are given their restart.
 */
export const RELOAD_PRESETS: ReadonlyMap<string, readonly string[]> = new Map([
  // postfix(1): "reload: Re-read configuration files. Running processes terminate at their earliest convenience."
  ["postfix", ["systemctl", "reload", "postfix"]],
  // doveadm(1): "reload: Force dovecot to reload configuration"
  ["dovecot", ["doveadm", "reload"]],
  // nginx -s reload, as the unit's ExecReload does
  ["nginx", ["systemctl", "reload", "nginx"]],
  // apachectl graceful, as the unit's ExecReload does; the unit is apache2 on Debian, httpd on Fedora
  ["apache", ["systemctl", "reload", "apache2"]],
  ["httpd", ["systemctl", "reload", "httpd"]],
  // SIGUSR2 to the master worker, as the unit's ExecReload does
  ["haproxy", ["systemctl", "reload", "haproxy"]],
  // SIGHUP; Exim before 4.95 reads the files for each connection
  ["exim", ["systemctl", "reload", "exim4"]],
  // prosodyctl(8): "reload: Reloads Prosody's configuration and re-opens log files"
  ["prosody", ["prosodyctl", "reload"]],
  // SIGHUP
  ["stunnel", ["systemctl", "reload", "stunnel4"]],
  // Reads its certificate at start only; ends on SIGHUP ("unexpected signal")
  ["opensmtpd", ["systemctl", "restart", "opensmtpd"]],
]);
