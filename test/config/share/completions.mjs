// Completions for bash, zsh and fish, from the command tree.

/** Names of the certificates that are configured; `others` stands for the files in conf.d, none being no error. */
const certificates = (others) =>
  String.raw`sed -n 's/^\[certificate\."\{0,1\}\([A-Za-z0-9._-]*\)"\{0,1\}\].*/\1/p' /etc/daneward/daneward.toml ` +
  `${others} 2>/dev/null`;

/** Words that may follow a flag, where there are few; each stands in the flag's description. */
const CHOICES = {
  verify: {
    starttls: "smtp lmtp imap pop3 sieve xmpp-client xmpp-server ldap ftp nntp postgres mysql tls",
    trust: "local ad",
    profile: "smtp generic",
    format: "text json nagios prometheus",
  },
  resolve: { trust: "local ad" },
  tlsa: { proto: "tcp udp sctp", output: "rfc generic nsupdate json" },
  publish: { transport: "tcp udp" },
  withdraw: { transport: "tcp udp" },
  csr: { "key-type": "ecdsa ecdsa:p384 rsa:2048 rsa:3072 rsa:4096" },
};
/** Words that an argument may be, where they are known. */
const CLIENTS = "certbot acme.sh dehydrated lego acmetool uacme lacme mod_md caddy";

/** What a flag's value or an argument is: `files`, `folders`, `certificates`, words of a list, or null for anything. */
function kindOfValue(command, { long, value }) {
  const choices = CHOICES[command.name]?.[long];
  if (choices !== undefined) return choices;
  // tlsa --output is a form, csr --output a file.
  if (value === "file") return "files";
  return value === "dir" ? "folders" : null;
}

function kindOfArgument({ name, words }, names) {
  const first = words[0] ?? "";
  if (name === "hook") return CLIENTS;
  if (name === "help") return names.join(" ");
  if (/certificate/.test(first)) return "certificates";
  return /file/.test(first) ? "files" : null;
}

/** Commands with all their flags; `help` is commander's own. */
function withShared({ commands, shared }) {
  const help = { long: "help", short: "h", value: null, description: "display help for command" };
  const full = commands.map((command) => {
    const own = new Set(command.options.map(({ long }) => long));
    return { ...command, options: [...command.options, ...shared.filter(({ long }) => !own.has(long)), help] };
  });
  return [...full, { name: "help", words: ["[command]"], summary: "display help for command", options: [] }];
}

const HEAD = "# Made from the command tree of daneward; edits are lost.";

function bashWords(kind) {
  if (kind === "files") return 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur"))';
  if (kind === "folders") return 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- "$cur"))';
  const words = kind === "certificates" ? "$(_daneward_certificates)" : (kind ?? "");
  return words === "" ? "COMPREPLY=()" : `COMPREPLY=($(compgen -W "${words}" -- "$cur"))`;
}

const flagsOf = (options) =>
  options.flatMap(({ long, short }) => [`--${long}`, ...(short === null ? [] : [`-${short}`])]);

/** For /usr/share/bash-completion/completions/daneward. */
export function bashCompletion(tree) {
  const commands = withShared(tree);
  const names = commands.map(({ name }) => name);
  const valued = new Set(
    commands.flatMap(({ options }) => options.filter(({ value }) => value !== null)).map((o) => o.long),
  );
  const shorts = new Set(
    commands
      .flatMap(({ options }) => options.filter(({ value, short }) => value !== null && short !== null))
      .map((o) => o.short),
  );
  const values = commands.flatMap((command) =>
    command.options
      .filter(({ value }) => value !== null)
      .map((option) => {
        const patterns = [`${command.name}:--${option.long}`];
        if (option.short !== null) patterns.push(`${command.name}:-${option.short}`);
        return `    ${patterns.join(" | ")}) ${bashWords(kindOfValue(command, option))}; return ;;`;
      }),
  );
  const shared = tree.shared
    .filter(({ value }) => value !== null)
    .map((option) => `    :--${option.long}) ${bashWords(kindOfValue({ name: "" }, option))}; return ;;`);
  return `${HEAD}
_daneward_certificates() {
  ${certificates("/etc/daneward/conf.d/*.toml")}
}

_daneward() {
  local cur=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} command= word skip= index
  COMPREPLY=()
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=\${COMP_WORDS[index]}
    if [[ -n $skip ]]; then skip=; continue; fi
    case $word in
      ${[...[...valued].map((long) => `--${long}`), ...[...shorts].map((short) => `-${short}`)].join(" | ")}) skip=yes ;;
      -*) ;;
      *) command=$word; break ;;
    esac
  done
  case $command:$previous in
${[...shared, ...values].join("\n")}
  esac
  if [[ -z $command ]]; then
    if [[ $cur == -* ]]; then
      COMPREPLY=($(compgen -W "${[...flagsOf(tree.shared), "--version", "--help"].join(" ")}" -- "$cur"))
    else
      COMPREPLY=($(compgen -W "${names.join(" ")}" -- "$cur"))
    fi
    return
  fi
  if [[ $cur == -* ]]; then
    case $command in
${commands.map(({ name, options }) => `      ${name}) COMPREPLY=($(compgen -W "${flagsOf(options).join(" ")}" -- "$cur")) ;;`).join("\n")}
    esac
    return
  fi
  case $command in
${commands.map((command) => `    ${command.name}) ${bashWords(kindOfArgument(command, names))} ;;`).join("\n")}
  esac
}
complete -F _daneward daneward
`;
}

/** Text within single quotes of a shell. */
const quoted = (text) => `'${text.replace(/'/g, "'\\''")}'`;

function zshAction(kind) {
  if (kind === "files") return "_files";
  if (kind === "folders") return "_files -/";
  if (kind === "certificates") return "_daneward_certificates";
  return kind === null ? " " : `(${kind})`;
}

function zshOption(command, option) {
  const text = option.description.replace(/[\\[\]:]/g, "\\$&");
  const value =
    option.value === null
      ? ""
      : `:${option.value.replace(/[\\[\]:]/g, "\\$&")}:${zshAction(kindOfValue(command, option))}`;
  const spec = (flag) => quoted(`${option.list ? "*" : ""}${flag}[${text}]${value}`);
  return [spec(`--${option.long}`), ...(option.short === null ? [] : [spec(`-${option.short}`)])];
}

function zshArguments(command, names) {
  return command.words.map((word, index) => {
    const kind = index === 0 ? kindOfArgument(command, names) : null;
    const name = word.replace(/[<>[\].]/g, "");
    return quoted(`${word.includes("...") ? "*" : String(index + 1)}:${name}:${zshAction(kind)}`);
  });
}

/** For /usr/share/zsh/vendor-completions/_daneward. */
export function zshCompletion(tree) {
  const commands = withShared(tree);
  const names = commands.map(({ name }) => name);
  const cases = commands.map((command) => {
    const specs = [...command.options.flatMap((option) => zshOption(command, option)), ...zshArguments(command, names)];
    return `    ${command.name})\n      _arguments -s \\\n        ${specs.join(" \\\n        ")}\n      ;;`;
  });
  return `#compdef daneward
${HEAD}
_daneward_certificates() {
  local -a certificates
  certificates=(\${(f)"$(${certificates("/etc/daneward/conf.d/*.toml(N)")})"})
  _describe certificate certificates
}

_daneward() {
  local -a commands
  commands=(
${commands.map(({ name, summary }) => `    ${quoted(`${name}:${summary.replace(/:/g, "\\:")}`)}`).join("\n")}
  )
  local context state line
  typeset -A opt_args
  _arguments -C -s \\
    ${tree.shared.flatMap((option) => zshOption({ name: "" }, option)).join(" \\\n    ")} \\
    '(- *)'{-V,--version}'[print the version]' '(- *)'{-h,--help}'[display help]' \\
    '1:command:->command' '*::argument:->argument'
  case $state in
    command) _describe command commands; return ;;
    argument) ;;
    *) return ;;
  esac
  case $words[1] in
${cases.join("\n")}
  esac
}

_daneward "$@"
`;
}

/** For /usr/share/fish/vendor_completions.d/daneward.fish. */
export function fishCompletion(tree) {
  const commands = withShared(tree);
  const names = commands.map(({ name }) => name);
  // Within single quotes fish knows \\ and \' alone.
  const text = (words) => `'${words.replace(/[\\']/g, "\\$&")}'`;
  const after = (kind) => {
    if (kind === "files") return " -F";
    if (kind === "folders") return " -a '(__fish_complete_directories)'";
    if (kind === "certificates") return " -a '(__daneward_certificates)'";
    return kind === null ? "" : ` -a '${kind}'`;
  };
  const lines = commands.flatMap((command) => {
    const { name, summary, options } = command;
    const here = `complete -c daneward -n '__fish_seen_subcommand_from ${name}'`;
    const argument = kindOfArgument(command, names);
    return [
      `complete -c daneward -n __fish_use_subcommand -a ${name} -d ${text(summary)}`,
      ...(argument === null ? [] : [`${here}${after(argument)}`]),
      ...options.map((option) => {
        const short = option.short === null ? "" : ` -s ${option.short}`;
        const value =
          option.value === null
            ? ""
            : ` -x${after(kindOfValue(command, option)).replace(" -F", " -a '(__fish_complete_path)'")}`;
        return `${here} -l ${option.long}${short}${value} -d ${text(option.description)}`;
      }),
    ];
  });
  return `${HEAD}
function __daneward_certificates
    set -l others /etc/daneward/conf.d/*.toml
    ${certificates("$others")}
end

complete -c daneward -f
${lines.join("\n")}
`;
}
