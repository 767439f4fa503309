import java.io.*;
import java.nio.charset.StandardCharsets;
import java.util.regex.*;

// Answers what java.util.regex makes of a question. A question is a line of four fields that tabs separate: "i" for
// CASE_INSENSITIVE or "-", the pattern, the text and the replacement. The answer is the message of the exception, or whether the
// pattern matches the whole text, and the text after replaceFirst.
class Answer {
    static String plain(String field) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < field.length(); i++) {
            char c = field.charAt(i);
            if (c != '%') { out.append(c); continue; }
            out.append((char) Integer.parseInt(field.substring(i + 1, i + 5), 16));
            i += 4;
        }
        return out.toString();
    }

    static String field(String text) {
        StringBuilder out = new StringBuilder();
        for (char c : text.toCharArray()) {
            if (c < ' ' || c > '~' || c == '%') out.append(String.format("%%%04x", (int) c));
            else out.append(c);
        }
        return out.toString();
    }

    static String answer(String[] question) {
        Pattern pattern;
        try {
            pattern = Pattern.compile(plain(question[1]), question[0].equals("i") ? Pattern.CASE_INSENSITIVE : 0);
        } catch (PatternSyntaxException e) {
            return "refused\t" + field(e.getDescription());
        } catch (RuntimeException e) {
            return "refused\t" + field(String.valueOf(e.getMessage()));
        }
        Matcher matcher = pattern.matcher(plain(question[2]));
        String matches = String.valueOf(matcher.matches());
        try {
            return matches + "\t" + field(matcher.replaceFirst(plain(question[3])));
        } catch (RuntimeException e) {
            return matches + "\t!" + field(String.valueOf(e.getMessage()));
        }
    }

    public static void main(String[] args) throws IOException {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        for (String line; (line = in.readLine()) != null; ) System.out.println(answer(line.split("\t", -1)));
    }
}
